"""Halts the vault of a demo and has it try by itself what whoever took it over would: to open a file of the machine, to make a
connection, to start a program, to look into the API process. The kernel refuses each.

The calls are put into the registers of the halted thread, not made through a debugger: those of some distributions cannot write the
registers of newer processors."""

import ctypes
import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile

from debugger import PATIENCE, children

AT_FDCWD, O_RDONLY, O_WRONLY_CREAT = -100, 0, 0o101
AF_INET, SOCK_STREAM = 2, 1
PTRACE_SINGLESTEP, PTRACE_GETREGS, PTRACE_SETREGS, PTRACE_ATTACH, PTRACE_DETACH = 9, 12, 13, 16, 17
#: Every kind of child, threads too.
WALL = 0x4000_0000
#: The instruction `syscall`.
SYSCALL = b"\x0f\x05"
#: Numbers of x86-64.
OPENAT, SOCKET, EXECVE, PTRACE = 257, 41, 59, 101
#: EPERM and EACCES.
REFUSED = {1, 13}
PATH = object()

#: What is tried, a path that is put on the vault's stack in place of `PATH`, and the call with its arguments.
TRIES = [
    ("open a file outside of its folder", "/etc/passwd", (OPENAT, AT_FDCWD, PATH, O_RDONLY, 0)),
    ("write a file outside of its folder", "/tmp/strongroom-escape", (OPENAT, AT_FDCWD, PATH, O_WRONLY_CREAT, 0o600)),
    ("read the memory of the API process", "/proc/{api}/mem", (OPENAT, AT_FDCWD, PATH, O_RDONLY, 0)),
    ("make a socket", "", (SOCKET, AF_INET, SOCK_STREAM, 0)),
    ("start a program", "/bin/true", (EXECVE, PATH, 0, 0)),
    ("attach to the API process", "{api}", (PTRACE, PTRACE_ATTACH, PATH, 0, 0)),
]


class Registers(ctypes.Structure):
    """`user_regs_struct`."""

    _fields_ = [
        (name, ctypes.c_ulonglong)
        for name in "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base ds es fs gs".split()
    ]


class Halted:
    """A thread that is halted between two calls of its own."""

    def __init__(self, pid):
        self.pid, self.libc = pid, ctypes.CDLL(None, use_errno=True)
        self.libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
        self.libc.ptrace.restype = ctypes.c_long
        self.trace(PTRACE_ATTACH)
        os.waitpid(pid, WALL)
        self.memory = open(f"/proc/{pid}/mem", "r+b", buffering=0)
        self.before = self.registers()
        # It waits in a call, so the instruction that made it stands right before.
        self.memory.seek(self.before.rip - 2)
        assert self.memory.read(2) == SYSCALL, "the thread was not halted in a call"

    def trace(self, request, data=None):
        if self.libc.ptrace(request, self.pid, None, data) < 0:
            raise OSError(ctypes.get_errno(), "ptrace")

    def registers(self):
        registers = Registers()
        self.trace(PTRACE_GETREGS, ctypes.byref(registers))
        return registers

    def call(self, number, *arguments, path=b""):
        """Makes a call, and gives what it gave: below zero an error's number."""
        registers = Registers.from_buffer_copy(self.before)
        place = (registers.rsp - 8192) & ~0xF
        self.memory.seek(place)
        self.memory.write(path + b"\0")
        registers.rax, registers.orig_rax, registers.rip = number, 2**64 - 1, registers.rip - 2
        for name, value in zip("rdi rsi rdx r10".split(), arguments):
            setattr(registers, name, (place if value is PATH else value) % 2**64)
        self.trace(PTRACE_SETREGS, ctypes.byref(registers))
        self.trace(PTRACE_SINGLESTEP)
        os.waitpid(self.pid, WALL)
        return ctypes.c_longlong(self.registers().rax).value

    def go_on(self):
        self.trace(PTRACE_SETREGS, ctypes.byref(self.before))
        self.memory.close()
        self.trace(PTRACE_DETACH)


def tried(vault, api):
    """What each call gave, after one that is allowed has shown that calls are made at all."""
    halted = Halted(vault)
    getpid = 39
    assert halted.call(getpid) == vault, "no call is made by the vault"
    outcomes = []
    for _, path, (number, *arguments) in TRIES:
        path = path.format(api=api)
        if number == PTRACE:
            arguments[1], path = int(path), ""
        outcomes.append(halted.call(number, *arguments, path=path.encode()))
    halted.go_on()
    return outcomes


def main():
    program, folder = str(pathlib.Path(sys.argv[1]).resolve()), pathlib.Path(sys.argv[2]).resolve()
    if os.geteuid() != 0:
        sys.exit("cannot be shown here: only root may attach to a process that is not dumpable")
    if platform.machine() != "x86_64":
        sys.exit("cannot be shown here: the registers are those of x86-64")
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
    for (what, *_), outcome in zip(TRIES, outcomes):
        assert -outcome in REFUSED, f"the vault could {what}: {outcome}"
    print(f"sandbox: {len(TRIES)} tries from inside the vault process, {len(TRIES)} refused")


if __name__ == "__main__":
    main()
