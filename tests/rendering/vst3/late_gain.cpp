// What a host has to cope with, in one effect: a parameter, a latency of 64 frames that it reports, and a memory of what it
// was given before.
#include "DistrhoPlugin.hpp"

START_NAMESPACE_DISTRHO

class LateGain : public Plugin {
    static constexpr uint32_t kLatency = 64;
    float fGain = 1.0f;
    float fMemory[CHANNELS][kLatency] = {};
    uint32_t fPlace = 0;

public:
    LateGain() : Plugin(1, 0, 0) { setLatency(kLatency); }

protected:
    const char* getLabel() const override { return "LateGain"; }
    const char* getMaker() const override { return "Antiphon"; }
    const char* getLicense() const override { return "GPL-3.0-or-later"; }
    uint32_t getVersion() const override { return d_version(1, 0, 0); }
    int64_t getUniqueId() const override { return d_cconst('L', 'G', 'a', 'n'); }

    void initParameter(uint32_t, Parameter& parameter) override {
        parameter.hints = kParameterIsAutomatable;
        parameter.name = "Gain";
        parameter.symbol = "gain";
        parameter.ranges.def = 1.0f;
        parameter.ranges.min = 0.0f;
        parameter.ranges.max = 2.0f;
    }
    float getParameterValue(uint32_t) const override { return fGain; }
    void setParameterValue(uint32_t, float value) override { fGain = value; }

    void activate() override {
        fPlace = 0;
        for (auto& channel : fMemory)
            for (float& sample : channel) sample = 0.0f;
    }

    void run(const float** inputs, float** outputs, uint32_t frames) override {
        for (uint32_t i = 0; i < frames; ++i) {
            for (int channel = 0; channel < CHANNELS; ++channel) {
                const float late = fMemory[channel][fPlace];
                fMemory[channel][fPlace] = inputs[channel][i];
                outputs[channel][i] = fGain * late;
            }
            fPlace = (fPlace + 1) % kLatency;
        }
    }
};

Plugin* createPlugin() { return new LateGain(); }

END_NAMESPACE_DISTRHO
