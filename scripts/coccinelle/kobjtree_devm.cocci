// SPDX-License-Identifier: GPL-2.0-only
/// Memory of devres goes at unbind, an object goes with its last reference.
///
// Confidence: High
// Options: --no-includes

virtual report

@r exists@
expression x;
identifier tree;
position p;
@@

x = \(devm_kzalloc\|devm_kmalloc\|devm_kcalloc\|devm_kmalloc_array\)(...)
... when != x = ...
\(kobjtree_init@p\|kobjtree_init_member@p\|kobjtree_device_init@p\)(&x->tree, ...)

@script:python depends on report@
p << r.p;
@@
coccilib.report.print_report(p[0], "an object in memory of devres, which goes at unbind")
