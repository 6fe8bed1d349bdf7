/* SPDX-License-Identifier: Apache-2.0 */
/* A library with frames of several kinds: what fuzz_image_cfi begins with. */
int leaf(int n);
int with_frame(int n);
int with_room(int n);

int leaf(int n)
{
	return n + 1;
}

__attribute__((optimize("no-omit-frame-pointer"))) int with_frame(int n)
{
	return leaf(n) + leaf(n + 1);
}

int with_room(int n)
{
	volatile char *room = __builtin_alloca((unsigned long)n);

	room[0] = (char)with_frame(n);
	return room[0] + leaf(n);
}

/* Last, as what follows it is not used: DW_CFA_undefined of register 0x7ffffff. */
__asm__(".section .text.zz, \"ax\"\n"
	".cfi_startproc\n"
	".cfi_escape 0x07, 0xff, 0xff, 0xff, 0x3f\n"
	"ret\n"
	".cfi_endproc\n"
	".text\n");
