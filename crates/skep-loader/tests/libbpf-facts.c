// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Prints what libbpf makes of objects: maps, programs, and a hash (FNV-1a) of
// each program's instructions with the numbers of its maps as 0. The output
// for the objects under testdata/ is libbpf-facts.txt, made with libbpf 1.1.2:
//
//   cc -o /tmp/facts tests/libbpf-facts.c -lbpf
//   cd ../../testdata/bpf && /tmp/facts *.bpf.o >.../tests/libbpf-facts.txt
//
// Needs root: libbpf puts functions and programs together only when it loads.

#include <stdio.h>
#include <stdarg.h>
#include <stdint.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

static int silent(enum libbpf_print_level level, const char *format, va_list args)
{
	return 0;
}

static uint64_t hash_of(const struct bpf_program *program)
{
	const struct bpf_insn *insns = bpf_program__insns(program);
	uint64_t hash = 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < bpf_program__insn_cnt(program); i++) {
		struct bpf_insn insn = insns[i];
		unsigned char *bytes = (unsigned char *)&insn;

		if (insn.code == 0x18 && (insn.src_reg == 1 || insn.src_reg == 2))
			insn.imm = 0;
		for (size_t j = 0; j < sizeof(insn); j++)
			hash = (hash ^ bytes[j]) * 0x100000001b3ULL;
	}
	return hash;
}

int main(int argc, char **argv)
{
	libbpf_set_print(silent);
	for (int i = 1; i < argc; i++) {
		struct bpf_object *object = bpf_object__open_file(argv[i], NULL);
		struct bpf_program *program;
		struct bpf_map *map;

		if (!object || bpf_object__load(object)) {
			bpf_object__close(object);
			continue;
		}
		printf("object %s %s\n", argv[i], bpf_object__name(object));
		bpf_object__for_each_map(map, object)
			printf("map %s %d %u %u %u %#x %u %u\n", bpf_map__name(map),
			       bpf_map__type(map), bpf_map__key_size(map),
			       bpf_map__value_size(map), bpf_map__max_entries(map),
			       bpf_map__map_flags(map), bpf_map__btf_key_type_id(map),
			       bpf_map__btf_value_type_id(map));
		bpf_object__for_each_program(program, object)
			printf("program %s %s %d %d %zu %016llx\n", bpf_program__name(program),
			       bpf_program__section_name(program), bpf_program__type(program),
			       bpf_program__expected_attach_type(program),
			       bpf_program__insn_cnt(program),
			       (unsigned long long)hash_of(program));
		bpf_object__close(object);
	}
	return 0;
}
