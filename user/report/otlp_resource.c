// SPDX-License-Identifier: Apache-2.0
#include "report/otlp_resource.h"

#include <string.h>

static bool known(const char *s)
{
	return s && *s;
}

/* "shop-api" of "shop-api.service". */
static const char *stem(struct otlp_maker *m, const char *unit)
{
	const char *dot = strrchr(unit, '.');
	char *ret = dot && dot != unit ? arena_strndup(m->arena, unit, (size_t)(dot - unit)) : NULL;

	return ret ? ret : unit;
}

/* Within one service.name; the executable because a pod has several, and a service may. */
static const char *instance(struct otlp_maker *m, char *const label[TARGET_NAME_LABELS],
			    const char *host)
{
	const char *place = known(label[LABEL_POD]) ? label[LABEL_POD] :
			    known(label[LABEL_CONTAINER]) ? label[LABEL_CONTAINER] :
			    known(host) ? host : "localhost";
	char *id = arena_printf(m->arena, "%s/%s", place, label[LABEL_EXE]);

	if (!id)
		m->failed = true;
	return id;
}

Otlp__Resource *otlp_resource_target(struct otlp_maker *m, char *const label[TARGET_NAME_LABELS],
				     const char *host)
{
	struct otlp_attributes a = { 0 };

	otlp_attribute(m, &a, "service.name",
		       known(label[LABEL_UNIT]) ? stem(m, label[LABEL_UNIT]) : label[LABEL_EXE]);
	otlp_attribute(m, &a, "service.instance.id", instance(m, label, host));
	otlp_attribute(m, &a, "host.name", host);
	otlp_attribute(m, &a, "process.executable.name", label[LABEL_EXE]);
	otlp_attribute(m, &a, "k8s.pod.uid", label[LABEL_POD]);
	otlp_attribute(m, &a, "container.id", label[LABEL_CONTAINER]);
	otlp_attribute(m, &a, "systemd.unit", label[LABEL_UNIT]);
	return otlp_resource(m, &a);
}

Otlp__Resource *otlp_resource_self(struct otlp_maker *m, const char *version, const char *host)
{
	struct otlp_attributes a = { 0 };

	otlp_attribute(m, &a, "service.name", "loiter");
	otlp_attribute(m, &a, "service.instance.id", known(host) ? host : "localhost");
	otlp_attribute(m, &a, "service.version", version);
	otlp_attribute(m, &a, "host.name", host);
	return otlp_resource(m, &a);
}
