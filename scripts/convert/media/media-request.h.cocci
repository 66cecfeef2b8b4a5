// SPDX-License-Identifier: GPL-2.0-only
// Applies to: include/media/media-request.h
//
// A request is an object that holds its media device node. What of the driver's its
// end needs, it has itself.

@@
@@
 #include <media/media-device.h>
+#include <media/media-devnode.h>

@@
@@
 struct media_request {
	struct media_device *mdev;
-	struct kref kref;
+	struct kobjtree tree;
+	struct media_devnode *devnode;
+	struct module *owner;
+	void (*free)(struct media_request *req);
	...
 };

@@
identifier req;
@@
 media_request_get(struct media_request *req)
 {
-	kref_get(&req->kref);
+	kobjtree_get(&req->tree);
 }

@@
@@
 struct media_request_object {
-	struct media_device *mdev;
+	struct media_devnode *devnode;
	...
 };

// Who takes objects out of a request that is not being queued: its end, or that of
// what they belong to.
@@
@@
 struct media_request_object;
+
+extern struct mutex media_request_objects_mutex;
