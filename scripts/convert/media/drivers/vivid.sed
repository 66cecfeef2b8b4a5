# SPDX-License-Identifier: GPL-2.0-only
# Beside the kernel's own.
s/\.name\([[:space:]]*\)= "vivid"/.name\1= KBUILD_MODNAME/
