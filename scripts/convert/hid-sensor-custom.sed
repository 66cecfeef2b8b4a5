# SPDX-License-Identifier: GPL-2.0-only
# How the kernel breaks lines, where spatch does not.
s/^\([\t ]*(sensor_inst->sensor_field_count + 1) \*\) \(sizeof(.*),\)$/\1\n\t\t\t\t\2/
s/^\([\t ]*struct iov_iter \*to)\){$/\1\n{/
/^static void hid_sensor_unregister(/i\

s/^\([\t ]*\)!kfifo_is_empty(&sensor_inst->data_fifo));$/\1kfifo_len(\&sensor_inst->data_fifo));/
