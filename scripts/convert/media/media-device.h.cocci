// SPDX-License-Identifier: GPL-2.0-only
// Applies to: include/media/media-device.h
//
// What counts requests lives as long as they do: in the node.

@@
@@
 struct media_device {
	...
-	atomic_t num_requests;
-	atomic_t num_request_objects;
	...
 };
