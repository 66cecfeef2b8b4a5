// SPDX-License-Identifier: GPL-2.0-only
// Applies to: drivers/media/v4l2-core/v4l2-event.c
//
// Who sleeps for an event does not when the node is gone.

@@
symbol fh, event, ret;
@@
 v4l2_event_dequeue(...)
 {
	<...
	ret = wait_event_interruptible(fh->wait,
-			fh->navailable != 0
+			fh->navailable != 0 || !video_is_registered(fh->vdev)
		);
	if (ret < 0)
		break;
+	if (!video_is_registered(fh->vdev)) {
+		ret = -ENODEV;
+		break;
+	}
	...>
 }
