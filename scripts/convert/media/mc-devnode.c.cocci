// SPDX-License-Identifier: GPL-2.0-only
// Applies to: drivers/media/mc/mc-devnode.c
//
// See media-devnode.h.cocci.

@ symbols @
symbol devnode;
@@

 media_devnode_lock

@ release @
identifier cd, devnode;
@@
+DEFINE_KOBJTREE_TYPE(media_devnode_type, struct media_devnode, tree);
+
 static void media_devnode_release(struct device *cd)
 {
	struct media_devnode *devnode = ...;
	...
-	kfree(devnode);
-	pr_debug(...);
+	kobjtree_put(&devnode->tree);
 }

@@
expression minor;
@@
+kobjtree_init(&devnode->tree, &media_devnode_type);
+kobjtree_gate_init(&devnode->gate, &devnode->tree);
 mutex_lock(&media_devnode_lock);
 minor = find_first_zero_bit(...);

@@
identifier devnode;
@@
-kfree(devnode);
+kobjtree_put(&devnode->tree);
 return -ENFILE;

@@
expression devnode, ret;
@@
-ret = cdev_device_add(&devnode->cdev, &devnode->dev);
+ret = kobjtree_gate_live(&devnode->gate) ?:
+      cdev_device_add(&devnode->cdev, &devnode->dev);

@@
@@
 media_devnode_exit(...)
 {
	...
	unregister_chrdev_region(...);
+	kobjtree_owner_barrier();
 }
