"""Measures nothing: says what a machine is typically like, as the real probe would. No torch."""

import sys

import msgspec

from talecraft.process import machine

found = msgspec.structs.replace(machine.typical(), measured=True)
sys.stdout.buffer.write(msgspec.json.encode(found))
