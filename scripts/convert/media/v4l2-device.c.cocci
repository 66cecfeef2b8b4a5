// SPDX-License-Identifier: GPL-2.0-only
// Applies to: drivers/media/v4l2-core/v4l2-device.c
//
// The node of a subdev is an object, with a gate: the subdev is there in sections.

@@
@@
 #include <media/v4l2-ctrls.h>
+
+#include "v4l2-subdev-object.h"

@ begin @
identifier dev;
@@
+DEFINE_KOBJTREE_TYPE(v4l2_device_type, struct v4l2_device, tree);
+
 int v4l2_device_register(..., struct v4l2_device *dev)
 {
	<...
	kref_init(&dev->ref);
+	if (dev->container)
+		kobjtree_init_member(&dev->tree, &v4l2_device_type,
+				     dev->container);
	...>
 }

@@
identifier dev;
@@
 v4l2_device_put(struct v4l2_device *dev)
 {
+	if (dev->container) {
+		kobjtree_put(&dev->tree);
+		return 0;
+	}
	return kref_put(...);
 }

// The driver's last touch of an object.
@@
identifier dev;
@@
 v4l2_device_unregister(struct v4l2_device *dev)
 {
	...
	dev->name[0] = '\0';
+	if (dev->container)
+		kobjtree_put(&dev->tree);
 }

// === Nodes of subdevs ===

@@
@@
-static void v4l2_subdev_release(
+void v4l2_subdev_release(
	struct v4l2_subdev *sd)
 { ... }

@@
@@
-static void v4l2_device_release_subdev_node(struct video_device *vdev)
-{
-	...
-}

@@
symbol vdev;
@@
 __v4l2_device_register_subdev_nodes(...)
 {
	<...
(
-	vdev = kzalloc_obj(*vdev);
+	vdev = v4l2_subdev_node_alloc(v4l2_dev);
|
-	vdev->release = v4l2_device_release_subdev_node;
|
-	vdev->v4l2_dev = v4l2_dev;
|
-	kfree(vdev);
+	v4l2_subdev_node_abort(vdev);
|
-	video_unregister_device(sd->devnode);
+	v4l2_subdev_node_remove(sd);
)
	...>
 }

@@
@@
 err = __video_register_device(vdev, ...);
 if (err < 0) { ... }
+/* the node has one of its own */
+v4l2_subdev_node_put(vdev);

@@
symbol sd;
@@
 v4l2_device_unregister_subdev(...)
 {
	<...
+	v4l2_subdev_node_unplug(sd->devnode);
	spin_lock(...);
	list_del(&sd->list);
	...>
 }

@@
@@
 v4l2_device_unregister_subdev(...)
 {
	<...
-	video_unregister_device(sd->devnode);
+	v4l2_subdev_node_unregister(sd);
	...>
 }
