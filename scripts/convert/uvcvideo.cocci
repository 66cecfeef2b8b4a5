// SPDX-License-Identifier: GPL-2.0-only
// Applies to: drivers/media/usb/uvc/uvcvideo.h
// Applies to: drivers/media/usb/uvc/uvc_driver.c
// Applies to: drivers/media/usb/uvc/uvc_ctrl.c
// Applies to: drivers/media/usb/uvc/uvc_entity.c
// Applies to: drivers/media/usb/uvc/uvc_status.c
// Applies to: drivers/media/usb/uvc/uvc_v4l2.c
// Applies to: drivers/media/usb/uvc/uvc_video.c
// Only for: 7.2
//
// uvcvideo on kobjtree: the device is an object, bound to its interface of control,
// and a node of it is a member, in a stream. What is allocated for the device and
// lives as long is its managed memory: streams, formats, entities, chains, controls.
//
// What it had by hand goes: the kref that its nodes took and their release callbacks
// put, the function that freed all of it, and the references to its USB device. What
// belongs to the hardware is devres's: the interfaces of the streams, which an open
// file used to keep from the next probe, and their workqueues.
//
// Its ioctls copy from and to user memory in between: they are no sections, but each
// request to the camera is. And probe publishes last.
//
// uvcvideo.sed has what spatch does not reach.

// === The structs ===

@ include @
symbol uvc_driver, dev, vdev, queue, stream, streaming, chain, intf, ret;
symbol map, mapping, ctrl, entity, buffer, p, n, interval, ep, pipe, uvc_release, udev;
@@

  #include <media/videobuf2-v4l2.h>
+ #include <media/kobjtree_video.h>

@ device @
@@

  struct uvc_device {
+ struct kobjtree_bound bound;
  struct usb_device *udev;
  ...
- struct v4l2_device vdev;
+ struct kobjtree_v4l2 v4l2;
  ...
- struct kref ref;
  ...
  };

@ video_queue @
@@

  struct uvc_video_queue {
  ...
- struct video_device vdev;
+ struct kobjtree_video video;
  ...
  };

@ declarations @
@@

(
- void uvc_status_cleanup(struct uvc_device *dev);
|
- void uvc_ctrl_cleanup_device(struct uvc_device *dev);
)

@ memory @
identifier id;
@@

  struct uvc_entity *uvc_entity_by_id(struct uvc_device *dev, int id);
+
+ static inline void *uvc_kzalloc(struct uvc_device *dev, size_t size, gfp_t gfp)
+ {
+ return kobjtree_kzalloc(&dev->bound.tree, size, gfp);
+ }
+
+ static inline void *uvc_memdup(struct uvc_device *dev, const void *src, size_t size, gfp_t gfp)
+ {
+ void *p = uvc_kzalloc(dev, size, gfp);
+
+ return p ? memcpy(p, src, size) : NULL;
+ }

// === Streams ===

// What is left of its end.
@ stream_end @
@@

+ static void uvc_put_intf(void *intf)
+ {
+ usb_put_intf(intf);
+ }
+
+ static void uvc_release_intf(void *intf)
+ {
+ usb_driver_release_interface(&uvc_driver, intf);
+ }
+
  static struct uvc_streaming *uvc_stream_new(...) { ... }

@ stream_new @
@@

  uvc_stream_new(...)
  {
  ...
- stream = kzalloc_obj(*stream);
+ stream = uvc_kzalloc(dev, sizeof(*stream), GFP_KERNEL);
  ...
  stream->intf = usb_get_intf(intf);
+ if (kobjtree_add_action_or_reset(&dev->bound.tree, uvc_put_intf, intf))
+ return NULL;
  ...
- stream->async_wq = alloc_workqueue(
+ stream->async_wq = devm_alloc_workqueue(&dev->intf->dev,
  ...);
- if (!stream->async_wq) {
- ...
- }
+ if (!stream->async_wq)
+ return NULL;
  ...
  }

@ claim @
@@

  if (usb_driver_claim_interface(&uvc_driver, intf, dev)) { ... }
+ ret = devm_add_action_or_reset(&dev->intf->dev, uvc_release_intf, intf);
+ if (ret)
+ return ret;

@ unclaim @
@@

  uvc_parse_streaming(...)
  {
  <...
(
- usb_driver_release_interface(&uvc_driver, intf);
+ devm_release_action(&dev->intf->dev, uvc_release_intf, intf);
|
- uvc_stream_delete(streaming);
)
  ...>
  }

// === Memory ===

@ formats @
expression size;
@@

  uvc_parse_streaming(...)
  {
  <...
- kmemdup(&buffer[size], p * n, GFP_KERNEL)
+ uvc_memdup(dev, &buffer[size], p * n, GFP_KERNEL)
  ...>
  }

@ zeroed @
identifier fn =~ "^uvc_(parse_streaming|alloc_new_entity)$";
expression size;
@@

  fn(...)
  {
  <...
- kzalloc(size, GFP_KERNEL)
+ uvc_kzalloc(dev, size, GFP_KERNEL)
  ...>
  }

@ chains @
@@

  uvc_alloc_chain(...)
  {
  ...
- chain = kzalloc_obj(*chain);
+ chain = uvc_kzalloc(dev, sizeof(*chain), GFP_KERNEL);
  ...
  }

@ no_kfree @
identifier fn =~ "^uvc_scan_";
@@

  fn(...)
  {
  <...
- kfree(chain);
  ...>
  }

@ controls @
expression n;
@@

- kzalloc_objs(*ctrl, n)
+ uvc_kzalloc(chain->dev, n * sizeof(*ctrl), GFP_KERNEL)

@ control_data @
expression size;
@@

  uvc_ctrl_add_info(...)
  {
  <...
- kzalloc(size, GFP_KERNEL)
+ uvc_kzalloc(dev, size, GFP_KERNEL)
  ...>
  }

// === Status ===

@ status_end @
@@

+ /* The last work may have stopped its own URB. */
+ static void uvc_status_end(void *data)
+ {
+ struct uvc_device *dev = data;
+
+ cancel_work_sync(&dev->async_ctrl.work);
+ usb_free_urb(dev->int_urb);
+ }
+
  int uvc_status_init(struct uvc_device *dev) { ... }

@ status_init @
@@

  uvc_status_init(struct uvc_device *dev)
  {
  ...
  int interval;
+ int ret;
  ...
  if (ep == NULL) return 0;
+ ret = kobjtree_add_action_or_reset(&dev->bound.tree, uvc_status_end, dev);
+ if (ret)
+ return ret;
- dev->status = kzalloc_obj(*dev->status);
+ dev->status = uvc_kzalloc(dev, sizeof(*dev->status), GFP_KERNEL);
  ...
- if (!dev->int_urb) {
- kfree(dev->status);
- dev->status = NULL;
- return -ENOMEM;
- }
+ if (!dev->int_urb)
+ return -ENOMEM;
  ...
  }

// === What is a section ===

@ pm_get @
identifier d;
@@

  int uvc_pm_get(struct uvc_device *d)
  {
  int ret;
+
+ CLASS(kobjtree_section, section)(&d->bound.gate);
+ if (!section)
+ return -ENODEV;
  ...
  }

@ request @
identifier d;
@@

  __uvc_query_ctrl(struct uvc_device *d, ...)
  {
  ... when any
  unsigned int pipe;
+
+ CLASS(kobjtree_section, section)(&d->bound.gate);
+ if (!section)
+ return -ENODEV;
  ...
  }

// === The device ===

@ unregister @
@@

  uvc_unregister_video(...)
  {
  ...
+ kobjtree_unplug(&dev->bound.gate);
  uvc_gpio_deinit(dev);
  ...
- if (dev->vdev.dev) v4l2_device_unregister(&dev->vdev);
  ...
  }

@ register_node @
identifier type, fops;
@@

  uvc_register_video_device(...)
  {
- struct video_device *vdev = &queue->vdev;
+ struct video_device *vdev = &queue->video.vdev;
  ...
- vdev->v4l2_dev = &dev->vdev;
+ queue->video.own_sections = true;
  ...
- vdev->release = uvc_release;
  ...
- ret = video_register_device(vdev, VFL_TYPE_VIDEO, -1);
+ ret = kobjtree_video_register(&queue->video, &dev->bound, &dev->v4l2,
+			      VFL_TYPE_VIDEO, -1);
  ...
- kref_get(&dev->ref);
  return 0;
  }

@ media_end @
iterator name list_for_each_entry;
@@

+ static void uvc_media_end(void *data)
+ {
+ struct uvc_device *dev = data;
+ struct uvc_entity *entity;
+
+ media_device_cleanup(&dev->mdev);
+ list_for_each_entry(entity, &dev->entities, list)
+ uvc_mc_cleanup_entity(entity);
+ }
+
  uvc_probe(...) { ... }

@ allocate @
@@

- dev = kzalloc_obj(*dev);
- if (dev == NULL)
- return -ENOMEM;
+ dev = kobjtree_alloc_bound(&intf->dev, struct uvc_device, bound);
+ if (IS_ERR(dev))
+ return PTR_ERR(dev);

@ probe @
@@

  uvc_probe(...)
  {
  <...
(
- kref_init(&dev->ref);
|
- dev->udev = usb_get_dev(udev);
+ dev->udev = udev;
|
- dev->intf = usb_get_intf(intf);
+ dev->intf = intf;
|
  media_device_init(&dev->mdev);
+ ret = kobjtree_add_action_or_reset(&dev->bound.tree, uvc_media_end, dev);
+ if (ret)
+ return ret;
|
- dev->vdev.mdev = &dev->mdev;
+ dev->v4l2.dev.mdev = &dev->mdev;
|
- ret = v4l2_device_register(&intf->dev, &dev->vdev);
+ ret = kobjtree_v4l2_register(&dev->v4l2, &dev->bound);
|
- kref_put(&dev->ref, uvc_delete);
)
  ...>
  }

// From here on the camera may be asked.
@ live @
identifier label;
@@

+ ret = kobjtree_publish(&dev->bound);
+ if (ret)
+ goto label;
  ret = uvc_parse_control(dev);
  if (ret < 0) {
  ...
  goto label;
  }

@ disconnect @
@@

  uvc_disconnect(...)
  {
  ...
+ kobjtree_unplug(&dev->bound.gate);
  if (intf->cur_altsetting->desc.bInterfaceSubClass == UVC_SC_VIDEOSTREAMING)
  return;
  uvc_unregister_video(dev);
- kref_put(&dev->ref, uvc_delete);
  }

@ exit @
@@

  uvc_cleanup(...)
  {
  ...
  uvc_debugfs_cleanup();
+ kobjtree_owner_barrier();
  }

// === Names ===

@ nodes @
expression E;
@@

(
- E->queue.vdev
+ E->queue.video.vdev
|
- E.queue.vdev
+ E.queue.video.vdev
)

@ subdevs @
@@

- &chain->dev->vdev
+ &chain->dev->v4l2.dev
