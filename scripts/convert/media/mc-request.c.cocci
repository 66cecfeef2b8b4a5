// SPDX-License-Identifier: GPL-2.0-only
// Applies to: drivers/media/mc/mc-request.c
//
// A request holds the media device's node, in whose sections the media device is
// there. Its end needs nothing of the driver's but the driver's text, which it pins.

@@
@@
 #include <media/media-request.h>
+
+#include "media-request-type.h"

@ release @
identifier kref, req, mdev;
@@
-static void media_request_release(struct kref *kref)
+static void media_request_release(struct kobjtree *obj)
 {
	struct media_request *req =
-		container_of(kref, struct media_request, kref);
+		container_of(obj, struct media_request, tree);
-	struct media_device *mdev = req->mdev;
	...
-	dev_dbg(mdev->dev,
+	dev_dbg(&req->devnode->dev,
		...);
	...
	media_request_clean(req);
-	if (mdev->ops->req_free)
-		mdev->ops->req_free(req);
-	else
-		kfree(req);
-	atomic_dec(&mdev->num_requests);
+	atomic_dec(&req->devnode->num_requests);
 }

// Whoever drops it has locks of a queue or a driver, or the one that its end takes. That
// waits for those of controls, which user space may hold up in a page fault.
@@
identifier req;
@@
 media_request_put(struct media_request *req)
 {
-	kref_put(...);
+	kobjtree_put_async(&req->tree);
 }

// But for its file.
@@
identifier req;
@@
 media_request_close(...)
 {
	...
-	media_request_put(req);
+	kobjtree_put(&req->tree);
	...
 }

// In any context.
@@
identifier fn = { media_request_object_unbind, media_request_object_complete,
		  media_request_manual_complete };
identifier req;
@@
 fn(...)
 {
	...
	if (completed)
-		media_request_put(req);
+		kobjtree_put_async(&req->tree);
 }

// Its ioctls are sections.
@@
identifier ops;
@@
 struct file_operations ops = {
-	.unlocked_ioctl = media_request_ioctl,
+	.unlocked_ioctl = media_request_ioctl_gated,
 };

@@
identifier ops;
@@
 struct file_operations ops = {
-	.compat_ioctl = media_request_ioctl,
+	.compat_ioctl = media_request_ioctl_gated,
 };

// Another media device may be where this one was.
@@
identifier req, mdev;
@@
 media_request_get_by_fd(struct media_device *mdev, ...)
 {
	<...
-	req->mdev != mdev
+	req->devnode != mdev->devnode
	...>
 }

@@
expression req;
@@
-kref_init(&req->kref);
+media_request_begin(req);
 INIT_LIST_HEAD(&req->objects);

@@
expression mdev;
@@
-atomic_inc(&mdev->num_requests);

@@
identifier req, mdev;
@@
 media_request_alloc(...)
 {
	<...
-	if (mdev->ops->req_free)
-		mdev->ops->req_free(req);
-	else
-		kfree(req);
+	kobjtree_put(&req->tree);
	...>
 }

// === What is in a request ===

@@
iterator name list_for_each_entry_safe;
symbol obj, obj_safe, req;
@@
 media_request_clean(...)
 {
	...
+	mutex_lock(&media_request_objects_mutex);
	list_for_each_entry_safe(obj, obj_safe, &req->objects, list) { ... }
+	mutex_unlock(&media_request_objects_mutex);
	...
 }

@@
identifier obj, mdev;
@@
 media_request_object_release(...)
 {
	...
-	struct media_device *mdev = obj->mdev;
+	struct media_devnode *devnode = obj->devnode;
	...
-	atomic_dec(&mdev->num_request_objects);
+	atomic_dec(&devnode->num_request_objects);
+	kobjtree_put_async(&devnode->tree);
 }

@@
identifier req, obj;
@@
 media_request_object_bind(...)
 {
	<...
(
-	obj->mdev = req->mdev;
+	obj->devnode = req->devnode;
|
-	atomic_inc(&obj->mdev->num_request_objects);
+	kobjtree_get(&obj->devnode->tree);
+	atomic_inc(&obj->devnode->num_request_objects);
)
	...>
 }
