// SPDX-License-Identifier: GPL-2.0-only
// Applies to: lib/kobject.c
//
// DEBUG_KOBJECT_RELEASE lets each release come one to four seconds late, and
// each rmmod and each unbind of a test waits for some. Late is what finds bugs,
// not how late.

@@
identifier delay;
expression more;
@@
kobject_release(...)
{
<...
unsigned long delay =
- HZ + more
+ (HZ + more) / 10
;
...>
}
