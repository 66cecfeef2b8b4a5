// SPDX-License-Identifier: GPL-2.0-only
// Applies to: drivers/media/v4l2-core/v4l2-ctrls-request.c
//
// The end of a handler and that of a request may meet.

@@
iterator name list_for_each_entry_safe;
symbol hdl, req, next_req;
@@
 v4l2_ctrl_handler_free_request(...)
 {
	...
-	if (hdl->req_obj.ops || list_empty(&hdl->requests))
+	if (hdl->req_obj.ops)
		return;
+	mutex_lock(&media_request_objects_mutex);
	list_for_each_entry_safe(req, next_req, &hdl->requests, requests) { ... }
+	mutex_unlock(&media_request_objects_mutex);
 }
