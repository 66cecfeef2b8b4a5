// SPDX-License-Identifier: GPL-2.0-only
// Applies to: drivers/hid/hid-sensor-custom.c
//
// The driver's memory is devres's, and an open file leads to it: make it an
// object, and its misc device one of kobjtree's. Unbind then begins with the end
// of that device, so that devres can undo the rest and no remove() is left.

@@
@@
-#include <linux/miscdevice.h>
+#include <linux/kobjtree_chrdev.h>
+#include <linux/uio.h>

// === The struct is an object ===

@device@
identifier driver, misc;
@@
 struct driver {
+	struct kobjtree_bound bound;
	...
-	struct miscdevice misc;
+	struct kobjtree_chrdev misc;
	...
 };

@@
identifier device.driver;
identifier priv;
expression dev;
@@
 struct driver *priv;
 ...
-priv = devm_kzalloc(dev, sizeof(*priv), GFP_KERNEL);
-if (!priv)
-	return -ENOMEM;
+priv = kobjtree_alloc_bound(dev, struct driver, bound);
+if (IS_ERR(priv))
+	return PTR_ERR(priv);

// === The file operations see the object, and no user memory ===

@fops@
identifier ops, fn_open, fn_read, fn_release, fn_poll, fn_seek;
@@
-static const struct file_operations ops = {
+static const struct kobjtree_chrdev_ops ops = {
	.open = fn_open,
	.read = fn_read,
	.release = fn_release,
	.poll = fn_poll,
-	.llseek = fn_seek,
 };

@@
identifier fops.fn_open;
identifier inode, file;
@@
 static int fn_open(
-	struct inode *inode,
	struct file *file)
 {
 ...
-return stream_open(inode, file);
+return 0;
 }

@@
identifier fops.fn_release;
identifier inode, file;
@@
-static int fn_release(struct inode *inode, struct file *file)
+static void fn_release(struct file *file)
 {
 ...
-return 0;
 }

@ read @
attribute name __user;
identifier fops.fn_read;
identifier file, buf, count, ppos;
@@
+/* As much as there is, or as there is room for. */
+static unsigned int hid_sensor_fifo_to_iter(struct kfifo *fifo, struct iov_iter *to)
+{
+	unsigned int copied = 0;
+	unsigned int n;
+	u8 buf[64];
+
+	while ((n = kfifo_out(fifo, buf,
+			      min(sizeof(buf), iov_iter_count(to)))))
+		copied += copy_to_iter(buf, n, to);
+	return copied;
+}
+
 static ssize_t fn_read(struct file *file,
-	char __user *buf, size_t count, loff_t *ppos
+	struct iov_iter *to, loff_t pos
	)
 {
 ...
 }

@@
identifier fops.fn_read, read.buf, read.count;
expression fifo, copied;
identifier ret;
@@
 fn_read(...)
 {
 <...
-ret = kfifo_to_user(fifo, buf, count, &copied);
-if (ret)
-	return ret;
+copied = hid_sensor_fifo_to_iter(fifo, to);
 ...>
 }

@@
identifier fops.fn_read, read.count;
@@
 fn_read(...)
 {
 <...
-count
+iov_iter_count(to)
 ...>
 }

@@
identifier fops.fn_read, device.driver, priv;
expression queue, condition;
@@
 fn_read(...)
 {
 struct driver *priv;
 <...
-wait_event_interruptible(queue, condition)
+kobjtree_wait_event_interruptible(&priv->bound.gate, queue, condition)
 ...>
 }

@@
identifier device.driver, device.misc;
identifier file;
@@
-container_of(file->private_data, struct driver, misc)
+kobjtree_chrdev_data(file, struct driver, misc)

// === What files use goes with the object, and their device goes first ===

@@
identifier add, priv, fifo, ret;
expression size;
@@
 add(...)
 {
+	void *buf;
	int ret;

-	ret = kfifo_alloc(&priv->fifo, size, GFP_KERNEL);
+	buf = kobjtree_kzalloc(&priv->bound.tree, size, GFP_KERNEL);
+	if (!buf)
+		return -ENOMEM;
+	ret = kfifo_init(&priv->fifo, buf, size);
	if (ret)
		return ret;
	... when any
 }

@ add @
identifier fn, priv, ret;
identifier device.misc, fops.ops;
expression text;
@@
 fn(...)
 {
	... when any
-	priv->misc.minor = MISC_DYNAMIC_MINOR;
-	priv->misc.name = text;
(
-	priv->misc.fops = &ops;
-	ret = misc_register(&priv->misc);
|
-	priv->misc.fops = &ops, ret = misc_register(&priv->misc);
)
-	if (ret) {
-		...
-	}
-	return 0;
+	return kobjtree_chrdev_register_misc(&priv->misc, &priv->bound, &ops,
+					     MISC_DYNAMIC_MINOR, "%s", text);
 }

@ gone @
identifier fn, priv;
identifier device.misc;
@@
-static void fn(...)
-{
-	...
-	misc_deregister(&priv->misc);
-	...
-}

// === devres undoes the rest, in the order that remove() had ===

@ driver @
identifier name, fn_probe, fn_remove;
identifier remove =~ "^remove";
@@
 struct platform_driver name = {
	.probe = fn_probe,
-	.remove = fn_remove,
 };

@@
identifier driver.fn_remove;
type int_or_void;
@@
-static int_or_void fn_remove(...)
-{
-	...
-}

@@
expression dev, group;
@@
-sysfs_create_group(&dev.kobj, group)
+devm_device_add_group(&dev, group)

@ grown @
identifier priv, array, p;
expression size;
@@
-p = krealloc(priv->array, size, GFP_KERNEL);
-if (!p) {
-	kfree(priv->array);
-	return -ENOMEM;
-}
+p = devm_krealloc(&priv->pdev->dev, priv->array, size, GFP_KERNEL);
+if (!p)
+	return -ENOMEM;

@ undo @
identifier fn, priv, grown.array;
@@
-static void fn(...)
-{
-	...
-	kfree(priv->array);
-}

@@
identifier i;
@@
-while (--i >= 0)
-	sysfs_remove_group(...);

@@
identifier undo.fn, priv, grown.array;
@@
(
-sysfs_remove_group(...);
|
-kfree(priv->array);
|
-fn(priv);
|
-sensor_hub_remove_callback(...);
)

@@
identifier ret, label =~ "^err_remove_";
@@
 if (ret)
-	goto label;
+	return ret;

@@
identifier ret, a, b, label =~ "^err_remove_";
@@
(
-a: b: label: return ret;
|
-label: return ret;
)

@@
identifier driver.fn_probe, pdev, ret;
expression sensors;
@@
+static void hid_sensor_remove_callback(void *data)
+{
+	struct hid_sensor_hub_device *hub = data;
+
+	sensor_hub_remove_callback(hub, hub->usage);
+}
+
+static void hid_sensor_unregister(void *data)
+{
+	platform_device_unregister(data);
+}
+
 static int fn_probe(struct platform_device *pdev)
 {
	... when any
	ret = sensor_hub_register_callback(sensors, ...);
	if (ret < 0) {
		...
	}
+	ret = devm_add_action_or_reset(&pdev->dev, hid_sensor_remove_callback,
+			       sensors);
+	if (ret)
+		return ret;
	... when any
 }

@@
identifier driver.fn_probe, pdev, ret;
expression other;
@@
 fn_probe(struct platform_device *pdev)
 {
	<...
	ret = PTR_ERR_OR_ZERO(other);
	if (ret) {
		...
	}
-	return 0;
+	return devm_add_action_or_reset(&pdev->dev, hid_sensor_unregister, other);
	...>
 }

@@
identifier driver.fn_probe, add.fn, priv, ret;
@@
 fn_probe(...)
 {
	<...
-	ret = fn(priv);
-	if (ret)
-		return ret;
-	return 0;
+	return fn(priv);
	...>
 }
