#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Fail the n-th allocating call of kobjtree in a probe, for every n.

Run by fault.sh, in the guest. Prints TAP. A probe that fails must say so with
ENOMEM and leave no object; what else it leaves, KASAN and kmemleak see.
"""

import errno
import json
import os
import sys
import time

DRIVERS = '/sys/bus/platform/drivers'
FAIL = '/sys/kernel/debug/fail_kobjtree'
OBJECTS = '/sys/kernel/debug/kobjtree/objects'
# Users before what they use: a user goes with it, and would be bound again beside it.
ORDER = ('lamp_kobjtree', 'supply_kobjtree', 'isp_kobjtree_sensor', 'isp_kobjtree',
         'sensor_kobjtree', 'pair_kobjtree', 'capture_kobjtree', 'm2m_kobjtree')
results = []


def check(name, good, why=''):
    """One test."""
    results.append(good)
    print(f'{"ok" if good else "not ok"} {len(results)} - {name}', flush=True)
    if not good:
        print(f'# {why}', flush=True)


def write(path, text):
    """Write to a file of sysfs or debugfs; the errno, or 0."""
    file = os.open(path, os.O_WRONLY)
    try:
        os.write(file, str(text).encode())
    except OSError as error:
        return error.errno
    finally:
        os.close(file)
    return 0


def read(path):
    """A file's text."""
    with open(path, encoding='ascii') as file:
        return file.read()


def objects(device):
    """How many objects there are of a device."""
    lines = [json.loads(line) for line in read(OBJECTS).splitlines()]
    return len([line for line in lines if line.get('device') == device])


def gone(device):
    """Whether none is there, or soon."""
    end = time.monotonic() + 10
    while objects(device) and time.monotonic() < end:
        time.sleep(0.01)
    return not objects(device)


def bind(driver, device, nth):
    """Bind with the nth call failing; (errno, whether there was such a call)."""
    write(f'{FAIL}/space', nth)
    write(f'{FAIL}/times', 1)
    write(f'{FAIL}/probability', 100)
    error = write(f'{DRIVERS}/{driver}/bind', device)
    write(f'{FAIL}/probability', 0)
    return error, read(f'{FAIL}/times').strip() == '0'


def fail_each(driver, device):
    """What is wrong with a driver, and how many calls its probe makes."""
    for nth in range(1, 100):
        if not gone(device):
            return f'after {nth - 1}: objects of {device} are left', nth
        error, failed = bind(driver, device, nth)
        bound = os.path.exists(f'{DRIVERS}/{driver}/{device}')
        if not failed:
            return ('' if bound and not error else f'not bound, without a failure: {error}'), nth - 1
        if bound or error != errno.ENOMEM:
            return f'call {nth} failed, and bind returned {errno.errorcode.get(error, error)}', nth
    return 'no end', 0


def devices(driver):
    """Those that are bound to it."""
    return [name for name in os.listdir(f'{DRIVERS}/{driver}')
            if os.path.islink(f'{DRIVERS}/{driver}/{name}') and name != 'module']


def main():
    """A test for each driver; the exit status."""
    drivers = [driver for driver in ORDER if os.path.isdir(f'{DRIVERS}/{driver}')]
    print(f'TAP version 13\n1..{len(drivers)}', flush=True)
    write(f'{FAIL}/verbose', 0)
    calls, bound = {}, {driver: devices(driver) for driver in drivers}
    for driver in drivers:
        device = bound[driver][0]
        write(f'{DRIVERS}/{driver}/unbind', device)
        wrong, calls[driver] = fail_each(driver, device)
        check(f'{driver}: each of its calls may fail', not wrong and calls[driver] > 0, wrong)
        if driver in ('lamp_kobjtree', 'isp_kobjtree_sensor'):
            write(f'{DRIVERS}/{driver}/unbind', device)
    print('# ' + ', '.join(f'{driver}: {n} calls' for driver, n in calls.items()))
    return not all(results)


if __name__ == '__main__':
    sys.exit(main())
