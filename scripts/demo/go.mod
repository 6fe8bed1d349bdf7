// SPDX-License-Identifier: Apache-2.0
module demo

go 1.18
