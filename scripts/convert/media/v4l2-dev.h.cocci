// SPDX-License-Identifier: GPL-2.0-only
// Applies to: include/media/v4l2-dev.h
//
// A node without a release is an object in its container, which is that of its
// v4l2_device where it names none, or in memory that the core has allocated.

@@
@@
 #include <linux/cdev.h>
+#include <linux/kobjtree.h>

@@
@@
 enum v4l2_video_device_flags {
	...,
	V4L2_FL_SUBDEV_RO_DEVNODE = 3,
+	V4L2_FL_ALLOCATED = 4,
 };

@@
@@
 struct video_device {
	...
+	struct kobjtree *container;
+	struct kobjtree tree;
+	struct kobjtree_edge v4l2_edge;
 };
