// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Prints what libbpf makes of the CO-RE relocations of objects: for each program,
// adapted alone to the types of a target, its instructions, or the errno with
// which its relocation failed. The output for the objects here is
// libbpf-facts.txt, made with libbpf 1.1.2:
//
//   cc -o /tmp/core-facts libbpf-facts.c -lbpf
//   /tmp/core-facts target.bpf.o ambiguous.bpf.o calls.bpf.o fields.bpf.o types.bpf.o >libbpf-facts.txt
//
// Needs root: libbpf adapts programs only when it loads them. Whether the kernel
// then takes them does not matter.

#include <stdio.h>
#include <stdarg.h>
#include <string.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

static int failed;

static int listen(enum libbpf_print_level level, const char *format, va_list args)
{
	if (strstr(format, "failed to relocate: %d") || strstr(format, "failed to perform CO-RE"))
		failed = 1;
	return 0;
}

// Prints one program; 0 when there is none of this number.
static int print(const char *target, const char *file, int number)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .btf_custom_path = target);
	struct bpf_object *object = bpf_object__open_file(file, &opts);
	struct bpf_program *program, *chosen = NULL;
	int index = 0, err;

	if (!object)
		return 0;
	bpf_object__for_each_program(program, object) {
		bpf_program__set_autoload(program, index == number);
		if (index++ == number)
			chosen = program;
	}
	if (chosen) {
		failed = 0;
		err = bpf_object__load(object);
		printf("%s", bpf_program__name(chosen));
		if (failed)
			printf(" error %d", -err);
		for (size_t i = 0; !failed && i < bpf_program__insn_cnt(chosen); i++) {
			unsigned char *bytes = (unsigned char *)&bpf_program__insns(chosen)[i];

			printf(" ");
			for (int j = 0; j < 8; j++)
				printf("%02x", bytes[j]);
		}
		printf("\n");
	}
	bpf_object__close(object);
	return chosen != NULL;
}

int main(int argc, char **argv)
{
	libbpf_set_print(listen);
	for (int i = 2; i < argc; i++) {
		printf("object %s\n", argv[i]);
		for (int number = 0; print(argv[1], argv[i], number);)
			number++;
	}
	return 0;
}
