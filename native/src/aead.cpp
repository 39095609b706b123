#include "aead.h"

// The addon lives in Node, which exports the OpenSSL that it carries or has loaded; its headers come with no npm package,
// and those of a system may be of another version. So the few functions that are used are declared here: they have been
// the same since OpenSSL 1.1.0. Weak: a Node that exports none of them still loads the addon, and programs of the core
// alone link without a library.
extern "C" {

struct evp_cipher_ctx_st;
struct evp_cipher_st;
struct engine_st;

#define PENSTOCK_WEAK __attribute__((weak))

PENSTOCK_WEAK evp_cipher_ctx_st* EVP_CIPHER_CTX_new();
PENSTOCK_WEAK void EVP_CIPHER_CTX_free(evp_cipher_ctx_st* context);
PENSTOCK_WEAK const evp_cipher_st* EVP_chacha20_poly1305();
PENSTOCK_WEAK int EVP_CipherInit_ex(evp_cipher_ctx_st* context, const evp_cipher_st* cipher, engine_st* engine,
                                    const unsigned char* key, const unsigned char* nonce, int encrypt);
PENSTOCK_WEAK int EVP_CipherUpdate(evp_cipher_ctx_st* context, unsigned char* out, int* outLength,
                                   const unsigned char* in, int inLength);
PENSTOCK_WEAK int EVP_CipherFinal_ex(evp_cipher_ctx_st* context, unsigned char* out, int* outLength);
PENSTOCK_WEAK int EVP_CIPHER_CTX_ctrl(evp_cipher_ctx_st* context, int type, int argument, void* pointer);

#undef PENSTOCK_WEAK

}  // extern "C"

namespace penstock {
namespace {

// EVP_CTRL_AEAD_GET_TAG and EVP_CTRL_AEAD_SET_TAG of openssl/evp.h.
constexpr int kGetTag = 0x10;
constexpr int kSetTag = 0x11;

bool IsExported() {
  return EVP_CIPHER_CTX_new != nullptr && EVP_CIPHER_CTX_free != nullptr && EVP_chacha20_poly1305 != nullptr &&
         EVP_CipherInit_ex != nullptr && EVP_CipherUpdate != nullptr && EVP_CipherFinal_ex != nullptr &&
         EVP_CIPHER_CTX_ctrl != nullptr;
}

/// Whether two keys are one. Looks at all bytes, whatever they are.
bool IsSame(const AeadKey& one, const AeadKey& other) {
  std::uint8_t difference = 0;
  for (std::size_t i = 0; i < one.size(); i++) difference |= one[i] ^ other[i];
  return difference == 0;
}

/// One direction. A context takes a kilobyte, and setting its key a twentieth of a microsecond: so there is one for all
/// connections, and the key is set when it is another's turn.
class Context {
 public:
  explicit Context(bool encrypt) : encrypt_(encrypt ? 1 : 0), context_(EVP_CIPHER_CTX_new()) {
    const std::array<std::uint8_t, 12> nonce = {};
    usable_ = context_ != nullptr && EVP_CipherInit_ex(context_.get(), EVP_chacha20_poly1305(), nullptr, key_.data(),
                                                       nonce.data(), encrypt_) == 1;
  }

  bool usable() const { return usable_; }

  bool Start(const AeadKey& key, std::uint64_t counter) {
    std::array<std::uint8_t, 12> nonce = {};
    std::memcpy(nonce.data() + 4, &counter, sizeof counter);
    const bool isKeySet = IsSame(key_, key);
    if (!isKeySet) key_ = key;
    return EVP_CipherInit_ex(context_.get(), nullptr, nullptr, isKeySet ? nullptr : key_.data(), nonce.data(),
                             encrypt_) == 1;
  }

  bool Run(Bytes in, std::uint8_t* out) {
    int length = 0;
    return EVP_CipherUpdate(context_.get(), out, &length, in.data(), static_cast<int>(in.size())) == 1 &&
           length == static_cast<int>(in.size());
  }

  bool Finish() {
    std::uint8_t nothing[kMacLength];  // a stream cipher has nothing left to write
    int length = 0;
    return EVP_CipherFinal_ex(context_.get(), nothing, &length) == 1;
  }

  bool Tag(int type, std::uint8_t* tag) {
    return EVP_CIPHER_CTX_ctrl(context_.get(), type, static_cast<int>(kMacLength), tag) == 1;
  }

 private:
  struct Free {
    void operator()(evp_cipher_ctx_st* context) const { EVP_CIPHER_CTX_free(context); }
  };

  int encrypt_;
  AeadKey key_ = {};
  std::unique_ptr<evp_cipher_ctx_st, Free> context_;
  bool usable_ = false;
};

class OpenSslAead final : public Aead {
 public:
  bool usable() const { return sealing_.usable() && opening_.usable(); }

  bool Seal(const AeadKey& key, std::uint64_t counter, Bytes plain, std::span<std::uint8_t> sealed) override {
    return sealing_.Start(key, counter) && sealing_.Run(plain, sealed.data()) && sealing_.Finish() &&
           sealing_.Tag(kGetTag, sealed.subspan(plain.size()).first<kMacLength>().data());
  }

  bool Open(const AeadKey& key, std::uint64_t counter, Bytes sealed, std::span<std::uint8_t> plain) override {
    const std::size_t length = sealed.size() - kMacLength;
    std::array<std::uint8_t, kMacLength> tag;
    CopyBytes(tag, sealed.subspan(length));
    return opening_.Start(key, counter) && opening_.Tag(kSetTag, tag.data()) &&
           opening_.Run(sealed.first(length), plain.data()) && opening_.Finish();
  }

 private:
  Context sealing_{true};
  Context opening_{false};
};

}  // namespace

std::unique_ptr<Aead> CreateAead() {
  if (!IsExported()) return nullptr;
  auto aead = std::make_unique<OpenSslAead>();
  if (!aead->usable()) return nullptr;
  return aead;
}

}  // namespace penstock
