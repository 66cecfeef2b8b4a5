# SPDX-License-Identifier: GPL-2.0-only
# What spatch does not reach: the functions that nobody calls any more,
/^\/\*$/ {
	N
	/\n \* \(Delete the UVC device\|Cleanup device controls\)\.$/ {
		: comment
		N
		/\*\/$/! b comment
		d
	}
}
/^static void uvc_stream_delete(/,/^}$/d
/^static void uvc_delete(/,/^}$/d
/^static void uvc_release(/,/^}$/d
/^static void uvc_ctrl_cleanup_mappings(/,/^}$/d
/^void uvc_ctrl_cleanup_device(/,/^}$/d
/^void uvc_status_cleanup(/,/^}$/d
# what the glue has unregistered,
/Nothing to do here, continue/,/^		 \*\/$/d
# a function that it does not parse,
/^static int __uvc_ctrl_add_mapping(/,/^}$/ {
	s/kmemdup(/uvc_memdup(chain->dev, /
	s/kstrdup(/kobjtree_kstrdup(\&chain->dev->bound.tree, /
	s/kfree(/kobjtree_kfree(\&chain->dev->bound.tree, /
}
# the registration of the nodes, which becomes the last step of probe,
/^	\/\* Register video device nodes\. \*\/$/,/^#endif$/ {
	H
	d
}
/"UVC device initialized/ {
	x
	G
}
# and a name beside the kernel's own.
s/\(\.name[ 	]*= \)"uvcvideo"/\1KBUILD_MODNAME/
