#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Runs the objects of this repository on the Linux kernel, through libbpf and
PROG_TEST_RUN, with no part of skep: the reference that the tests compare with.

usage (as root):
  on-linux.py examples   runs examples/capture/traffic.pcap through the three
                         example programs and compares with expected.json
  on-linux.py record     loads and runs everything in testdata/bpf and writes
                         what Linux answered to testdata/bpf/linux.json
  on-linux.py check      the same, but compares with linux.json

needs: libbpf.so.1 (Debian: libbpf1)

libbpf no longer reads SEC("maps"), and refuses static functions in a program's
section; such objects are put together here, by the ELF standard alone.
"""

import ctypes
import ipaddress
import json
import os
import platform
import struct
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "testdata" / "bpf"
CAPTURE = ROOT / "examples" / "capture"

TYPES = {3: "tc", 6: "xdp"}
HASH, ARRAY, PERCPU_HASH, PERCPU_ARRAY = 1, 2, 5, 6
KINDS = {HASH: "hash", ARRAY: "array", PERCPU_HASH: "percpu_hash", PERCPU_ARRAY: "percpu_array"}

lib = ctypes.CDLL("libbpf.so.1", use_errno=True)
lib.libbpf_set_print(None)
for name in ("bpf_object__open_file", "bpf_object__next_program", "bpf_object__next_map",
             "bpf_program__name", "bpf_map__name"):
    getattr(lib, name).restype = ctypes.c_void_p


class RunOptions(ctypes.Structure):
    _fields_ = [("sz", ctypes.c_size_t), ("data_in", ctypes.c_void_p),
                ("data_out", ctypes.c_void_p), ("data_size_in", ctypes.c_uint32),
                ("data_size_out", ctypes.c_uint32), ("ctx_in", ctypes.c_void_p),
                ("ctx_out", ctypes.c_void_p), ("ctx_size_in", ctypes.c_uint32),
                ("ctx_size_out", ctypes.c_uint32), ("retval", ctypes.c_uint32),
                ("repeat", ctypes.c_int), ("duration", ctypes.c_uint32),
                ("flags", ctypes.c_uint32), ("cpu", ctypes.c_uint32),
                ("batch_size", ctypes.c_uint32)]


class MapOptions(ctypes.Structure):
    _fields_ = [("sz", ctypes.c_size_t), ("btf_fd", ctypes.c_uint32), ("key_type", ctypes.c_uint32),
                ("value_type", ctypes.c_uint32), ("vmlinux_type", ctypes.c_uint32),
                ("inner", ctypes.c_uint32), ("map_flags", ctypes.c_uint32),
                ("map_extra", ctypes.c_uint64), ("numa_node", ctypes.c_uint32),
                ("ifindex", ctypes.c_uint32)]


def cpus():
    last = Path("/sys/devices/system/cpu/possible").read_text().strip().split("-")[-1]
    return int(last) + 1


def run(fd, packet):
    """One PROG_TEST_RUN: what the program returned, and the packet after it."""
    given = ctypes.create_string_buffer(packet, len(packet))
    room = ctypes.create_string_buffer(len(packet) + 4096)
    options = RunOptions(sz=ctypes.sizeof(RunOptions), repeat=1,
                         data_in=ctypes.addressof(given), data_size_in=len(packet),
                         data_out=ctypes.addressof(room), data_size_out=len(room))
    status = lib.bpf_prog_test_run_opts(fd, ctypes.byref(options))
    if status:
        raise OSError(-status, os.strerror(-status))
    return options.retval, room.raw[:options.data_size_out]


class Map:
    def __init__(self, name, kind, key_size, value_size, fd):
        self.name, self.kind, self.fd = name, kind, fd
        self.key_size, self.value_size = key_size, value_size

    def items(self):
        """Every (key, value); a per-CPU value is a list, one a CPU."""
        per_cpu = self.kind in (PERCPU_HASH, PERCPU_ARRAY)
        step = (self.value_size + 7) // 8 * 8 if per_cpu else self.value_size
        room = ctypes.create_string_buffer(step * (cpus() if per_cpu else 1))
        key, following = None, ctypes.create_string_buffer(self.key_size)
        while lib.bpf_map_get_next_key(self.fd, key, following) == 0:
            key = ctypes.create_string_buffer(following.raw, self.key_size)
            if lib.bpf_map_lookup_elem(self.fd, key, room):
                raise OSError(ctypes.get_errno(), f"lookup in {self.name}")
            values = [room.raw[at:at + self.value_size] for at in range(0, len(room), step)]
            yield key.raw, values if per_cpu else values[0]


class Object:
    """An object opened by libbpf. `only` names the one program to load."""

    def __init__(self, path, only=None):
        self.handle = lib.bpf_object__open_file(str(path).encode(), None)
        if not self.handle:
            raise OSError(ctypes.get_errno(), "open")
        self.handle = ctypes.c_void_p(self.handle)
        self.programs, self.types = {}, {}
        for item in self.walk(lib.bpf_object__next_program):
            title = ctypes.string_at(lib.bpf_program__name(item)).decode()
            self.programs[title] = item
            self.types[title] = TYPES.get(lib.bpf_program__type(item), "?")
            if only:
                lib.bpf_program__set_autoload(item, title == only)

    def walk(self, following):
        item = following(self.handle, None)
        while item:
            item = ctypes.c_void_p(item)
            yield item
            item = following(self.handle, item)

    def load(self):
        return -lib.bpf_object__load(self.handle)

    def fd(self, program):
        return lib.bpf_program__fd(self.programs[program])

    def maps(self):
        for item in self.walk(lib.bpf_object__next_map):
            title = ctypes.string_at(lib.bpf_map__name(item)).decode()
            if "." in title:  # a section of globals: OBJECT.SECTION
                title = title[title.index("."):]
            yield Map(title, lib.bpf_map__type(item), lib.bpf_map__key_size(item),
                      lib.bpf_map__value_size(item), lib.bpf_map__fd(item))

    def close(self):
        lib.bpf_object__close(self.handle)


class Elf:
    """The sections and symbols of an object, by the ELF standard alone."""

    def __init__(self, path):
        elf = path.read_bytes()
        at, count, names = struct.unpack_from("<Q", elf, 0x28)[0], *struct.unpack_from("<HH", elf, 60)
        headers = [struct.unpack_from("<IIQQQQIIQQ", elf, at + 64 * i) for i in range(count)]

        def text(table, offset):
            start = headers[table][4] + offset
            return elf[start:elf.index(b"\0", start)].decode()

        self.sections = {text(names, h[0]): (i, h) for i, h in enumerate(headers)}
        self.body = {i: elf[h[4]:h[4] + h[5]] for i, h in enumerate(headers)}
        table = self.sections[".symtab"][1]
        self.symbols = []
        for offset in range(table[4], table[4] + table[5], 24):
            name, info, _, section, value, size = struct.unpack_from("<IBBHQQ", elf, offset)
            self.symbols.append((text(table[6], name), info, section, value, size))

    def offset(self, name):
        """Where a variable lies in its section."""
        return next(s[3] for s in self.symbols if s[0] == name)


class OldObject(Elf):
    """An object with SEC("maps"), or with all of a program in one section."""

    def __init__(self, path, only=None):
        super().__init__(path)
        code = self.sections["xdp"][0]
        self.programs = {s[0]: s for s in self.symbols if s[2] == code and s[1] == 0x12}
        self.types = dict.fromkeys(self.programs, "xdp")
        self.opened, self.loaded = [], {}

    def load(self):
        flat = []
        index, header = self.sections.get("maps", (None, None))
        found = sorted((s for s in self.symbols if index and s[2] == index and s[0]), key=lambda s: s[3])
        for title, _, _, value, _ in found:
            size = header[5] // len(found)
            words = list(struct.unpack_from(f"<{size // 4}I", self.body[index], value))
            if any(words[5:]):
                return 22
            kind, key_size, value_size, entries, flags = (words + [0])[:5]
            options = MapOptions(sz=ctypes.sizeof(MapOptions), map_flags=flags)
            fd = lib.bpf_map_create(kind, title.encode(), key_size, value_size, entries,
                                    ctypes.byref(options))
            if fd < 0:
                return -fd
            self.opened.append(fd)
            flat.append(Map(title, kind, key_size, value_size, fd))
        self.flat = flat
        by_name = {m.name: m for m in flat}
        code = bytearray(self.body[self.sections["xdp"][0]])
        if ".relxdp" in self.sections:
            for at, info in struct.iter_unpack("<QQ", self.body[self.sections[".relxdp"][0]]):
                code[at + 1] |= 0x10  # src_reg: the immediate is a map's descriptor
                struct.pack_into("<i", code, at + 4, by_name[self.symbols[info >> 32][0]].fd)
        for title in self.programs:
            fd = lib.bpf_prog_load(6, title.encode(), b"Dual MIT/GPL",
                                   (ctypes.c_char * len(code)).from_buffer(code), len(code) // 8, None)
            if fd < 0:
                return -fd
            self.opened.append(fd)
            self.loaded[title] = fd
        return 0

    def fd(self, program):
        return self.loaded[program]

    def maps(self):
        return self.flat

    def close(self):
        for fd in self.opened:
            os.close(fd)


OLD = ("legacy-maps", "legacy-maps-long", "legacy-maps-short", "legacy-kv-pair", "legacy-no-btf",
       "bad-legacy-extra", "subprogram-same-section")

# What is fed to the programs, one fresh load a sequence; the default is DEFAULT.
DEFAULT = [["count"], ["zeros", "long", "count"]]
SEQUENCES = {
    "return-code": [["zeros"], ["count"], ["drop"]],
    "ipv4-key": [["tcp", "udp", "count", "tcp"]],
    "skb-bytes": [["tcp"], ["udp"], ["count"]],
    "skb-context": [["tcp"], ["ping6"], ["count"]],
    "legacy-packet": [["tcp"], ["count"], ["long"]],
    "subprogram-same-section": [["count"], ["long"]],
    "xdp-adjust": [["count"], ["long"]],
}
# What differs from run to run: the maps are not recorded.
VARIES = ("clocks",)


def read_capture():
    raw = (CAPTURE / "traffic.pcap").read_bytes()
    at = 24
    while at < len(raw):
        size = struct.unpack_from("<I", raw, at + 8)[0]
        yield raw[at + 16:at + 16 + size]
        at += 16 + size


def packets():
    chosen = {"count": bytes(range(64)), "zeros": bytes(64),
              "long": bytes(7 * i & 255 for i in range(300)),
              "drop": b"\1\0\0\0" + bytes(60)}
    for packet in read_capture():
        kind = packet[12:14]
        if kind == b"\x08\x00" and packet[20] & 0x3f == 0:
            # Enough of them to hold some payload.
            if packet[23] == 6 and len(packet) > 150:
                chosen.setdefault("tcp", packet)
            if packet[23] == 17 and len(packet) > 80:
                chosen.setdefault("udp", packet)
        if kind == b"\x86\xdd" and packet[20] == 58 and packet[54] == 128:
            chosen.setdefault("ping6", packet)
    return chosen


def dump(each):
    def text(value):
        return [v.hex() for v in value] if isinstance(value, list) else value.hex()
    return {"kind": KINDS[each.kind], "entries": {k.hex(): text(v) for k, v in sorted(each.items())}}


def observe(path, feed):
    """What Linux answers to one object: for each program the errno of its
    load (0 is success), and for each sequence of packets what came back."""
    name = path.name.removesuffix(".bpf.o")
    kind = OldObject if name in OLD else Object
    try:
        programs = kind(path).types
    except OSError as error:
        return {"open": error.errno}
    found = {}
    for program in programs:
        runs, status = [], 0
        for sequence in SEQUENCES.get(name, DEFAULT):
            opened = kind(path, program)
            status = opened.load()
            if status == 0:
                results = [run(opened.fd(program), feed[p]) for p in sequence]
                runs.append({"packets": sequence, "returned": [r[0] for r in results],
                             "out": ["same" if r[1] == feed[p] else r[1].hex()
                                     for r, p in zip(results, sequence)]})
                if name not in VARIES:
                    runs[-1]["maps"] = {m.name: dump(m) for m in opened.maps()
                                        if not m.name.startswith(".rodata")}
            opened.close()
            if status:
                break
        found[program] = {"type": programs[program], "load": status}
        if runs:
            found[program]["runs"] = runs
    return {"programs": found}


def observe_all():
    feed = packets()
    objects = {p.name: observe(p, feed) for p in sorted(DATA.glob("*.bpf.o"))}
    return {"kernel": platform.release().split("-")[0], "cpus": cpus(),
            "packets": {n: p.hex() for n, p in feed.items()}, "objects": objects}


def check():
    found, recorded = observe_all(), json.loads((DATA / "linux.json").read_text())
    wrong = [name for name in sorted(found["objects"].keys() | recorded["objects"].keys())
             if found["objects"].get(name) != recorded["objects"].get(name)]
    for name in wrong:
        print(f"{name}: Linux answers differently from linux.json", file=sys.stderr)
    print(f"{len(found['objects']) - len(wrong)} objects as recorded, {len(wrong)} not")
    return 1 if wrong else 0


def record():
    (DATA / "linux.json").write_text(json.dumps(observe_all(), indent=1) + "\n")
    return 0


def example(name):
    """Runs the whole capture, in order, through one example."""
    opened = Object(ROOT / "examples" / name / f"{name}.bpf.o")
    status = opened.load()
    if status:
        raise OSError(status, f"load {name}")
    (program,) = opened.programs
    returned = {}
    for packet in read_capture():
        code = run(opened.fd(program), packet)[0]
        returned[code] = returned.get(code, 0) + 1
    maps = {m.name: dict(m.items()) for m in opened.maps()}
    opened.close()
    return returned, maps


def examples():
    expected = json.loads((CAPTURE / "expected.json").read_text())
    number = lambda data: int.from_bytes(data, sys.byteorder)
    wrong = 0

    def compare(what, found, wanted):
        nonlocal wrong
        wrong += found != wanted
        print(f"{what}: {'as expected' if found == wanted else f'{found}, expected {wanted}'}")

    for name in ("proto-count", "proto-count-percpu"):
        returned, maps = example(name)
        counts = {}
        for key, value in maps["packets"].items():
            total = sum(map(number, value)) if isinstance(value, list) else number(value)
            if total:
                counts[str(number(key))] = total
        compare(f"{name}: returned", returned, {2: expected["packets"]})
        compare(f"{name}: packets by protocol", counts, expected["ip_proto"])

    returned, maps = example("per-source")
    wanted = expected["per_source"]["returned"]
    compare("per-source: returned", returned, {1: wanted["XDP_DROP"], 2: wanted["XDP_PASS"]})
    sources = {}
    for key, value in maps["sources"].items():
        address = ipaddress.IPv6Address(key[4:])
        if number(key[:4]) == 4:
            address = address.ipv4_mapped
        sources[str(address)] = tuple(number(value[at:at + 8]) for at in (0, 8))
    compare("per-source: packets and bytes by source", sources,
            {a: (s["packets"], s["bytes"]) for a, s in expected["source"].items()})
    elf, bss = Elf(ROOT / "examples/per-source/per-source.bpf.o"), maps[".bss"][bytes(4)]
    dropped, untracked = (struct.unpack_from("=Q", bss, elf.offset(name))[0]
                          for name in ("dropped", "untracked"))
    compare("per-source: dropped, untracked", (dropped, untracked), (wanted["XDP_DROP"], 0))
    return 1 if wrong else 0


if __name__ == "__main__":
    commands = {"examples": examples, "record": record, "check": check}
    if len(sys.argv) != 2 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    # A per-CPU value is then found at CPU 0.
    os.sched_setaffinity(0, {0})
    sys.exit(commands[sys.argv[1]]())
