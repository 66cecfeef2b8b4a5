# SPDX-License-Identifier: GPL-2.0-only
# The unwinding that the object does.
/^err_free_ent_devs:$/,/kfree(vimc->ent_devs);/d
/^static struct vimc_ent_device \*vimc_[a-z]*_add(/,/^}/ {
	/^err_[a-z_]*:$/,/^	return ERR_PTR(ret);$/d
}
/^int vimc_ent_sd_register(/,/^}/ {
	/^err_clean_sd:$/,/^	return ret;$/d
}
