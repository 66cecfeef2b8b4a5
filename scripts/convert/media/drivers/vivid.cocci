// SPDX-License-Identifier: GPL-2.0-only
// Applies to: vivid-core.h
// Applies to: vivid-core.c
//
// vivid on a core whose nodes are objects: its memory is one, all that is in it needs
// no release, and what it had allocated goes with it.

@@
@@
 #include "vivid-vbi-gen.h"
+#include <linux/kobjtree_bind.h>

@@
@@
 struct vivid_dev {
+	struct kobjtree_bound		bound;
	u8				inst;
	...
 };

// Beside the kernel's own.
@@
@@
-#define VIVID_MODULE_NAME "vivid"
+#define VIVID_MODULE_NAME KBUILD_MODNAME

// === What the object has ===

@ end @
identifier v4l2_dev, dev;
@@
-static void vivid_dev_release(struct v4l2_device *v4l2_dev)
+static void vivid_end(void *data)
 {
-	struct vivid_dev *dev = container_of(v4l2_dev, struct vivid_dev, v4l2_dev);
+	struct vivid_dev *dev = data;
	...
-	v4l2_device_unregister(&dev->v4l2_dev);
	...
-	vfree(dev->scaled_line);
-	vfree(dev->blended_line);
-	vfree(dev->edid);
	...
-	kfree(dev->query_dv_timings_qmenu);
-	kfree(dev->query_dv_timings_qmenu_strings);
-	kfree(dev);
 }

@@
symbol dev, ret;
@@
 vivid_create_instance(...)
 {
	...
-	dev = kzalloc_obj(*dev);
-	if (!dev)
-		return -ENOMEM;
+	dev = kobjtree_alloc_bound(&pdev->dev, struct vivid_dev, bound);
+	if (IS_ERR(dev))
+		return PTR_ERR(dev);
+	dev->v4l2_dev.container = &dev->bound.tree;
	...
 }

@@
@@
 vivid_create_instance(...)
 {
	<...
	ret = v4l2_device_register(&pdev->dev, &dev->v4l2_dev);
-	if (ret) {
-		kfree(dev);
-		return ret;
-	}
-	dev->v4l2_dev.release = vivid_dev_release;
+	if (ret)
+		return ret;
+	INIT_WORK(&dev->update_hdmi_ctrl_work, update_hdmi_ctrls_work_handler);
+	ret = kobjtree_add_action_or_reset(&dev->bound.tree, vivid_end, dev);
+	if (ret)
+		goto free_dev;
	...>
 }

@@
@@
 vivid_create_instance(...)
 {
	...
	dev->radio_rds_init_time = ktime_get();
-	INIT_WORK(&dev->update_hdmi_ctrl_work, update_hdmi_ctrls_work_handler);
	...
 }

@@
expression n, m;
@@
(
-vcalloc(n, m)
+kobjtree_kzalloc(&dev->bound.tree, array_size(n, m), GFP_KERNEL)
|
-vmalloc_array(n, m)
+kobjtree_kzalloc(&dev->bound.tree, array_size(n, m), GFP_KERNEL)
|
-kmalloc_array(n, m, GFP_KERNEL)
+kobjtree_kzalloc(&dev->bound.tree, array_size(n, m), GFP_KERNEL)
)

// === No node needs a release ===

@@
expression vfd;
@@
-vfd->release = video_device_release_empty;

@@
expression dev;
@@
-v4l2_device_put(dev);
+v4l2_device_unregister(dev);

@@
@@
 vivid_exit(...)
 {
	...
	platform_device_unregister(...);
	...
+	kobjtree_owner_barrier();
 }
