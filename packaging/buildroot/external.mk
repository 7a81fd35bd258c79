include $(sort $(wildcard $(BR2_EXTERNAL_OCITAR_PATH)/package/*/*.mk))
