// V2's generator: a library for Node, whose OpenSSL seals and opens frames. See bench/frame-generator.ts.
#include <napi.h>

#include "frame_miner.h"
#include "load.h"

namespace bench {
namespace {

constexpr std::size_t kKeyLength = 32;

/// Calls JavaScript: a handshake's mathematics are there.
class NodeInitiator final : public Initiator {
 public:
  NodeInitiator(const Napi::Buffer<std::uint8_t>& act1, const Napi::Function& finish)
      : act1_(reinterpret_cast<const char*>(act1.Data()), act1.Length()), finish_(finish) {}

  const std::string& act1() const override { return act1_; }

  Keys Finish(penstock::Bytes act2) override {
    const Napi::HandleScope scope(finish_.Env());
    const Napi::Value answer =
        finish_.Call({Napi::Buffer<std::uint8_t>::Copy(finish_.Env(), act2.data(), act2.size())});
    if (finish_.Env().IsExceptionPending()) {
      throw std::runtime_error(finish_.Env().GetAndClearPendingException().Message());
    }
    const auto bytes = answer.As<Napi::Buffer<std::uint8_t>>();
    Keys keys;
    penstock::CopyBytes(keys.send, penstock::Bytes(bytes.Data(), kKeyLength));
    penstock::CopyBytes(keys.receive, penstock::Bytes(bytes.Data() + kKeyLength, kKeyLength));
    return keys;
  }

 private:
  const std::string act1_;
  const Napi::Function finish_;
};

/// runLoad(act1, finish, kind, channels): runs until its input ends, or returns an exit code. `finish` takes act 2 and gives
/// the keys to send and to receive with, 32 bytes each.
Napi::Value RunLoadOfFrames(const Napi::CallbackInfo& info) {
  NodeInitiator initiator(info[0].As<Napi::Buffer<std::uint8_t>>(), info[1].As<Napi::Function>());
  const auto aead = penstock::CreateAead();
  if (aead == nullptr) {
    Napi::Error::New(info.Env(), "this Node exports no OpenSSL with ChaCha20-Poly1305").ThrowAsJavaScriptException();
    return info.Env().Undefined();
  }
  const FrameMinerOptions options = {
      .initiator = initiator,
      .aead = *aead,
      .kind = info[2].As<Napi::String>().Utf8Value() == "standard" ? ChannelKind::kStandard : ChannelKind::kExtended,
      .channels = info[3].As<Napi::Number>().Uint32Value(),
  };
  const int code = RunLoad([&](std::uint16_t port, const std::string& user, Miner::Opening opening) {
    return std::make_unique<FrameMiner>(port, user, opening, options);
  });
  return Napi::Number::New(info.Env(), code);
}

Napi::Object Initialize(Napi::Env env, Napi::Object exports) {
  exports.Set("runLoad", Napi::Function::New(env, RunLoadOfFrames));
  return exports;
}

}  // namespace

NODE_API_MODULE(frame_generator, Initialize)

}  // namespace bench
