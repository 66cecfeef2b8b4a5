// SPDX-License-Identifier: GPL-2.0-only
// Applies to: include/media/v4l2-device.h
//
// A v4l2_device that names its container, the object whose memory it is in, is an
// object: its count is that of the object, and it has no release.

@@
@@
 #include <media/v4l2-dev.h>
+#include <linux/kobjtree.h>

@@
@@
+#define V4L2_SUBDEV_NODES_ARE_OBJECTS
+
 struct v4l2_device {
	...
+	struct kobjtree *container;
+	struct kobjtree tree;
 };

@@
identifier dev;
@@
 v4l2_device_get(struct v4l2_device *dev)
 {
-	kref_get(&dev->ref);
+	if (dev->container)
+		kobjtree_get(&dev->tree);
+	else
+		kref_get(&dev->ref);
 }
