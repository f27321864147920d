// A real VST3 plug-in for the tests, built on DPF (DISTRHO Plugin Framework, ISC licence): no window, mono or stereo (-DCHANNELS=…).
#pragma once
#define DISTRHO_PLUGIN_BRAND "Antiphon"
#define DISTRHO_PLUGIN_NAME "Late Gain"
#define DISTRHO_PLUGIN_URI "urn:antiphon:late-gain"
#define DISTRHO_PLUGIN_BRAND_ID Anti
#define DISTRHO_PLUGIN_UNIQUE_ID LGan
#define DISTRHO_PLUGIN_NUM_INPUTS CHANNELS
#define DISTRHO_PLUGIN_NUM_OUTPUTS CHANNELS
#define DISTRHO_PLUGIN_WANT_LATENCY 1
#define DISTRHO_PLUGIN_HAS_UI 0
