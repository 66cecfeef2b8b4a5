// SPDX-License-Identifier: GPL-2.0-only
// Applies to: drivers/media/v4l2-core/v4l2-dev.c
//
// No node has to have a release: see v4l2-dev.h.cocci.

@@
@@
 #include <media/v4l2-ioctl.h>
+
+#include "v4l2-dev-object.h"

@@
@@
 struct video_device *video_device_alloc(void)
 {
-	return kzalloc_obj(struct video_device);
+	struct video_device *vdev = kzalloc_obj(*vdev);
+
+	if (vdev)
+		set_bit(V4L2_FL_ALLOCATED, &vdev->flags);
+	return vdev;
 }

// === The end ===

@@
symbol v4l2_dev, vdev;
@@
 v4l2_device_release(struct device *cd)
 {
	<...
-	v4l2_dev->mdev && vdev->vfl_dir != VFL_DIR_M2M
+	v4l2_dev && v4l2_dev->mdev && vdev->vfl_dir != VFL_DIR_M2M
	...>
 }

@@
@@
 v4l2_device_release(struct device *cd)
 {
	...
-	if (v4l2_dev->release == NULL)
-		v4l2_dev = NULL;
-	vdev->release(vdev);
-	if (v4l2_dev)
-		v4l2_device_put(v4l2_dev);
+	video_device_end(vdev, v4l2_dev);
 }

@@
@@
 v4l2_release(...)
 {
	<...
-	v4l2_device_supports_requests(vdev->v4l2_dev)
+	vdev->v4l2_dev && v4l2_device_supports_requests(vdev->v4l2_dev)
	...>
 }

// === Registration ===

@@
@@
 __video_register_device(...)
 {
	<...
-	if (WARN_ON(!vdev->release))
-		return -EINVAL;
	...>
 }

@@
@@
 __video_register_device(...)
 {
	<...
-	v4l2_device_get(vdev->v4l2_dev);
+	video_device_begin(vdev);
	...>
 }

@@
@@
 videodev_exit(...)
 {
	...
	debugfs_remove_recursive(...);
	...
+	kobjtree_owner_barrier();
 }
