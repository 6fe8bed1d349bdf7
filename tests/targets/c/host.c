/* SPDX-License-Identifier: Apache-2.0 */
/* A C program that runs Go out of a shared library (-buildmode=c-shared), named on the command line. */
#include <dlfcn.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	void *lib = dlopen(argc > 1 ? argv[1] : "", RTLD_NOW);
	void (*run)(void) = lib ? (void (*)(void))dlsym(lib, "goRun") : NULL;

	if (!run) {
		fprintf(stderr, "%s\n", dlerror());
		return 1;
	}
	run();
	return 0;
}
