// SPDX-License-Identifier: GPL-2.0-only
// Applies to: include/media/media-devnode.h
//
// A media device node is an object: its first reference belongs to its struct
// device, a request holds it. It has the gate of the media device, which is there
// in sections.

@@
@@
 #include <linux/debugfs.h>
+#include <linux/kobjtree.h>
+#include <linux/kobjtree_gate.h>

@@
@@
 struct media_devnode {
	...
+	struct kobjtree tree;
+	struct kobjtree_gate gate;
+	atomic_t num_requests;
+	atomic_t num_request_objects;
 };

@@
@@
+/*
+ * No open and no section after this. Before the graph_mutex is taken, which sections
+ * take, and which is not held over the lock of opens, under which user space may be
+ * waited for.
+ */
+static inline void media_devnode_unplug(struct media_devnode *devnode)
+{
+	media_devnode_unregister_prepare(devnode);
+	kobjtree_unplug(&devnode->gate);
+}
+
 static inline struct media_devnode *media_devnode_data(struct file *filp)
 {
 ...
 }
