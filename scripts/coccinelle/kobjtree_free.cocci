// SPDX-License-Identifier: GPL-2.0-only
/// The memory of an object is the core's to free: from its init on,
/// kobjtree_put() is the one error path, and its release only undoes.
///
// Confidence: Moderate
// Options: --no-includes

virtual report

@alloc exists@
expression x;
position p;
@@

x = kobjtree_alloc(...)
... when != x = ...
\(kfree@p\|kvfree@p\|kfree_sensitive@p\|kfree_rcu@p\)(x, ...)

@init exists@
expression x;
identifier tree;
position p;
@@

\(kobjtree_init\|kobjtree_init_member\|kobjtree_device_init\)(&x->tree, ...)
... when != x = ...
\(kfree@p\|kvfree@p\|kfree_sensitive@p\|kfree_rcu@p\)(x, ...)

@release exists@
identifier fn, obj, tree, x;
type T;
position p;
@@

fn(struct kobjtree *obj)
{
...
(
T *x = container_of(obj, T, tree);
|
x = container_of(obj, T, tree)
)
... when != x = ...
\(kfree@p\|kvfree@p\|kfree_sensitive@p\|kfree_rcu@p\)(x, ...)
... when any
}

@script:python depends on report@
p << alloc.p;
@@
coccilib.report.print_report(p[0], "frees an object, use kobjtree_put()")

@script:python depends on report@
p << init.p;
@@
coccilib.report.print_report(p[0], "frees an object, use kobjtree_put()")

// A type's .free has the same form, and may.
@script:python depends on report@
p << release.p;
fn << release.fn;
@@
if not fn.endswith("free"):
    coccilib.report.print_report(p[0], "frees in a release, which only undoes")
