// SPDX-License-Identifier: GPL-2.0-only
// Applies to: drivers/media/v4l2-core/v4l2-subdev.c
//
// The file operations of a subdev's node are sections of its gate; what a close
// frees does not need the subdev.

@@
@@
 #include "v4l2-subdev-priv.h"
+#include "v4l2-subdev-fops.h"

// The entity has none any more where the media device goes first.
@@
symbol sd;
@@
 subdev_open(...)
 {
	<...
-	sd->entity.graph_obj.mdev
+	sd->v4l2_dev->mdev
	...>
 }

@@
symbol sd;
@@
 subdev_close(...)
 {
	<...
-	if (sd->internal_ops && sd->internal_ops->close)
+	if (sd && sd->internal_ops && sd->internal_ops->close)
		sd->internal_ops->close(...);
	...>
 }

@@
expression file, cmd, arg;
@@
 video_usercopy(file, cmd, arg,
-	subdev_do_ioctl_lock
+	subdev_do_ioctl_gated
	)

@@
identifier ops;
@@
 struct v4l2_file_operations ops = {
-	.open = subdev_open,
+	.open = subdev_open_gated,
 };

@@
identifier ops;
@@
 struct v4l2_file_operations ops = {
-	.release = subdev_close,
+	.release = subdev_close_locked,
 };

@@
identifier ops;
@@
 struct v4l2_file_operations ops = {
-	.poll = subdev_poll,
+	.poll = subdev_poll_gated,
 };
