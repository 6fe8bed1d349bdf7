/* SPDX-License-Identifier: Apache-2.0 */
/* A process that has nothing to do with Go. */
#include <stdio.h>

int main(void)
{
	puts("READY {}");
	fflush(stdout);
	getchar();
	return 0;
}
