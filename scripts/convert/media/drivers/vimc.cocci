// SPDX-License-Identifier: GPL-2.0-only
// Applies to: vimc-common.h
// Applies to: vimc-common.c
// Applies to: vimc-core.c
// Applies to: vimc-capture.c
// Applies to: vimc-sensor.c
// Applies to: vimc-debayer.c
// Applies to: vimc-scaler.c
// Applies to: vimc-lens.c
//
// vimc on a core whose nodes are objects: its memory is one, that of its entities
// belongs to it, and no release is left. vimc.sed has what spatch does not reach: the
// labels that nobody jumps to any more.

@@
@@
 #include <media/v4l2-device.h>
+#include <media/kobjtree_video.h>

// Beside the kernel's own.
@@
@@
-#define VIMC_PDEV_NAME "vimc"
+#define VIMC_PDEV_NAME KBUILD_MODNAME

@@
@@
 struct vimc_device {
+	struct kobjtree_bound bound;
	...
-	struct vimc_ent_device **ent_devs;
+	struct vimc_ent_device **ent_devs;
	...
 };

@@
@@
 struct vimc_ent_type {
	...
-	void (*release)(struct vimc_ent_device *ved);
 };

// === Entities ===

@@
symbol vimc;
identifier add =~ "^vimc_[a-z]*_add$";
expression v;
@@
 add(...)
 {
	<...
-	kzalloc_obj(*v)
+	kobjtree_kzalloc(&vimc->bound.tree, sizeof(*v), GFP_KERNEL)
	...>
 }

@@
identifier add =~ "^vimc_[a-z]*_add$";
expression hdl, n;
@@
 add(...)
 {
	<...
-	v4l2_ctrl_handler_init(hdl, n);
+	ret = kobjtree_ctrl_handler_init(&vimc->bound.tree, hdl, n);
+	if (ret)
+		return ERR_PTR(ret);
	...>
 }

@@
symbol ret;
identifier add =~ "^vimc_[a-z]*_add$";
identifier label;
@@
 add(...)
 {
	<...
-	goto label;
+	return ERR_PTR(ret);
	...>
 }

@@
symbol ret;
identifier add =~ "^vimc_[a-z]*_add$";
expression v;
@@
 add(...)
 {
	<...
-	{
-	kfree(v);
	return ERR_PTR(ret);
-	}
	...>
 }

@ releases @
identifier fn =~ "^vimc_(capture|sensor|debayer|scaler|lens)_release$";
@@
-static void fn(struct vimc_ent_device *ved) { ... }

@@
identifier t, releases.fn;
@@
 struct vimc_ent_type t = {
-	.release = fn,
 };

@@
identifier vdev;
@@
-vdev->release = video_device_release_empty;

// What was not memory.
@@
symbol vsensor;
@@
 vimc_sensor_add(...)
 {
	<...
	ret = tpg_alloc(&vsensor->tpg, ...);
	if (ret)
		return ERR_PTR(ret);
+	ret = kobjtree_add_action_or_reset(&vimc->bound.tree, vimc_free_tpg,
+					   &vsensor->tpg);
+	if (ret)
+		return ERR_PTR(ret);
	...>
 }

@@
@@
+static void vimc_free_tpg(void *data)
+{
+	tpg_free(data);
+}
+
 vimc_sensor_add(...) { ... }

@@
@@
+static void vimc_clean_subdev(void *data)
+{
+	v4l2_subdev_cleanup(data);
+}
+
 int vimc_ent_sd_register(...) { ... }

@@
symbol v4l2_dev, sd;
@@
 vimc_ent_sd_register(...)
 {
	<...
	ret = v4l2_subdev_init_finalize(sd);
	if (ret) {
		...
-		goto err_clean_m_ent;
+		return ret;
	}
+	ret = kobjtree_add_action_or_reset(v4l2_dev->container,
+					   vimc_clean_subdev, sd);
+	if (ret)
+		return ret;
	...>
 }

@@
@@
 vimc_ent_sd_register(...)
 {
	<...
-	goto err_clean_sd;
+	return ret;
	...>
 }

// === The device ===

@@
@@
-static void vimc_release_subdevs(struct vimc_device *vimc) { ... }

@@
@@
-vimc_release_subdevs(vimc);

@@
@@
-static void vimc_v4l2_dev_release(struct v4l2_device *v4l2_dev) { ... }

@@
@@
 vimc_register_devices(...)
 {
	<...
-	kzalloc_objs(*vimc->ent_devs, vimc->pipe_cfg->num_ents)
+	kobjtree_kzalloc(&vimc->bound.tree,
+			 array_size(vimc->pipe_cfg->num_ents,
+				    sizeof(*vimc->ent_devs)), GFP_KERNEL)
	...>
 }

@@
@@
 vimc_register_devices(...)
 {
	<...
-	goto err_free_ent_devs;
+	goto err_v4l2_unregister;
	...>
 }

@@
@@
+static void vimc_end(void *data)
+{
+	struct vimc_device *vimc = data;
+
+	media_device_cleanup(&vimc->mdev);
+}
+
 vimc_probe(...) { ... }

@@
@@
 vimc_probe(...)
 {
	...
-	vimc = kzalloc_obj(*vimc);
-	if (!vimc)
-		return -ENOMEM;
+	vimc = kobjtree_alloc_bound(&pdev->dev, struct vimc_device, bound);
+	if (IS_ERR(vimc))
+		return PTR_ERR(vimc);
+	vimc->v4l2_dev.container = &vimc->bound.tree;
	...
	media_device_init(&vimc->mdev);
+	ret = kobjtree_add_action_or_reset(&vimc->bound.tree, vimc_end, vimc);
+	if (ret)
+		return ret;
	ret = vimc_register_devices(vimc);
-	if (ret) {
-		media_device_cleanup(&vimc->mdev);
-		kfree(vimc);
-		return ret;
-	}
-	vimc->v4l2_dev.release = vimc_v4l2_dev_release;
+	if (ret)
+		return ret;
	...
 }

@@
@@
 vimc_remove(...)
 {
	...
-	v4l2_device_put(...);
 }

@@
@@
 vimc_exit(...)
 {
	...
	platform_device_unregister(...);
+	kobjtree_owner_barrier();
 }
