// SPDX-License-Identifier: GPL-2.0-only
// Applies to: drivers/media/v4l2-core/v4l2-ctrls-api.c
//
// No copy of a control waits for a page of user memory under the control's lock.

@@
@@
 #include "v4l2-ctrls-priv.h"
+#include "v4l2-ctrls-fault.h"

@@
symbol c, ptr, string;
expression from, size;
@@
(
-copy_to_user(c->ptr, from, size)
+ext_ctrl_to_user(c, from, size)
|
-copy_to_user(c->string, from, size)
+ext_ctrl_to_user(c, from, size)
)

@@
symbol c, ptr, string;
expression to, size;
@@
(
-copy_from_user(to, c->ptr, size)
+ext_ctrl_from_user(c, to, size)
|
-copy_from_user(to, c->string, size)
+ext_ctrl_from_user(c, to, size)
)

@@
symbol cs;
identifier api =~ "^(v4l2_g_ext_ctrls|try_set_ext_ctrls)$";
identifier fn =~ "_ext_ctrls_(request|common)$";
expression list args;
@@
 api(...)
 {
	<...
-	fn(args)
+	ext_ctrls_nofault(cs, fn(args))
	...>
 }
