"""Attaches a debugger to the vault of a demo and has the vault itself try what whoever took it over would: to open a file of the
machine, to make a connection, to start a program, to look into the API process. The kernel refuses each."""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

from debugger import PATIENCE, children

#: What is tried (`open64`: the program has functions named `open` of its own), a path that is put on the vault's stack as `$path`, and the call.
TRIES = [
    ("open a file outside of its folder", "/etc/passwd", "((int(*)(const char*,int))open64)($path,0)"),
    ("write a file outside of its folder", "/tmp/strongroom-escape", "((int(*)(const char*,int,int))open64)($path,65,384)"),
    ("read the memory of the API process", "/proc/{api}/mem", "((int(*)(const char*,int))open64)($path,0)"),
    ("make a socket", None, "((int(*)(int,int,int))socket)(2,1,0)"),
    ("start a program", "/bin/true", "((int(*)(const char*,void*,void*))execve)($path,0,0)"),
    ("attach to the API process", None, "((long(*)(int,int,void*,void*))ptrace)(16,{api},0,0)"),
]
#: EPERM and EACCES.
REFUSED = {1, 13}


def tried(vault, api):
    """What each call gave, and its errno."""
    gdb = ["gdb", "-nx", "-batch", "-p", str(vault), "-ex", "set language c"]
    # Room on the stack of the halted thread: the debugger would ask the vault's allocator for a string's place.
    gdb += ["-ex", "set $before = $sp", "-ex", "set $sp = ((unsigned long)$sp - 8192) & ~0xf", "-ex", "set $path = (char *)($sp + 4096)"]
    for _, path, call in TRIES:
        if path:
            path = path.format(api=api)
            gdb += ["-ex", f'set {{char[{len(path) + 1}]}} $path = "{path}"']
        gdb += ["-ex", f"print (long){call.format(api=api)}"]
        gdb += ["-ex", "print *((int*(*)(void))__errno_location)()"]
    gdb += ["-ex", "set $sp = $before"]
    ran = subprocess.run(gdb, capture_output=True, text=True, timeout=1800)
    values = [int(value) for value in re.findall(r"^\$\d+ = (-?\d+)", ran.stdout, re.MULTILINE)]
    assert len(values) == 2 * len(TRIES), ran.stdout + ran.stderr
    return list(zip(values[::2], values[1::2]))


def main():
    program, folder = str(pathlib.Path(sys.argv[1]).resolve()), pathlib.Path(sys.argv[2]).resolve()
    if os.geteuid() != 0:
        sys.exit("cannot be shown here: only root may attach to a process that is not dumpable")
    with tempfile.TemporaryDirectory(dir=folder) as made:
        command = [program, "demo", "--json", "--port", "0", "--data", f"{made}/demo"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            json.loads(server.stdout.readline())
            (vault,) = children(server.pid)
            outcomes = tried(vault, server.pid)
        finally:
            server.terminate()
            server.wait(PATIENCE)
    for (what, *_), (value, errno) in zip(TRIES, outcomes):
        assert value == -1 and errno in REFUSED, f"the vault could {what}: {value}, errno {errno}"
    print(f"sandbox: {len(TRIES)} tries from inside the vault process, {len(TRIES)} refused")


if __name__ == "__main__":
    main()
