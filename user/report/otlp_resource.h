/* SPDX-License-Identifier: Apache-2.0 */
/* Whom metrics and findings are about, in the names that OpenTelemetry's conventions have. */
#pragma once

#include "report/openmetrics_book.h"
#include "report/otlp_message.h"

/*
 * A target's labels, by enum target_label. service.name is the unit's, without what says that it is
 * one, or the executable's; service.instance.id tells two of one name apart. Never a pid.
 */
Otlp__Resource *otlp_resource_target(struct otlp_maker *m, char *const label[TARGET_NAME_LABELS],
				     const char *host);

/* loiter itself, on that machine. */
Otlp__Resource *otlp_resource_self(struct otlp_maker *m, const char *version, const char *host);
