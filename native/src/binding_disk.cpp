#include "binding_disk.h"

#include "arguments.h"
#include "disk.h"

namespace penstock {
namespace {

constexpr std::uint64_t kMaxDescriptor = 0x7fffffff;

/// One write on its way through the thread pool. The buffer is JavaScript's and referenced, so that it outlives the call.
class DiskWrite {
 public:
  DiskWrite(const Napi::CallbackInfo& info, int file, Bytes bytes, std::uint64_t offset, bool sync)
      : file_(file),
        bytes_(bytes),
        offset_(offset),
        sync_(sync),
        buffer_(Napi::Persistent(info[1].As<Napi::Object>())),
        done_(Napi::Persistent(info[5].As<Napi::Function>())),
        context_(info.Env(), "penstock:disk") {}

  /// Runs it in a thread; it deletes itself after `done` was called.
  static void Queue(Napi::Env env, std::unique_ptr<DiskWrite> write) {
    const Napi::String name = Napi::String::New(env, "penstock:disk");
    RequireOk(napi_create_async_work(env, nullptr, name, Execute, Complete, write.get(), &write->work_));
    RequireOk(napi_queue_async_work(env, write->work_));
    static_cast<void>(write.release());  // now the work's
  }

 private:
  static void Execute(napi_env, void* data) {
    auto& write = *static_cast<DiskWrite*>(data);
    write.error_ = WriteToDisk(write.file_, write.bytes_, write.offset_, write.sync_);
  }

  static void Complete(napi_env environment, napi_status status, void* data) {
    const std::unique_ptr<DiskWrite> write(static_cast<DiskWrite*>(data));
    napi_delete_async_work(environment, write->work_);
    if (status == napi_cancelled) return;
    const Napi::Env env(environment);
    const Napi::HandleScope scope(env);
    // Exceptions in `done` reach the process as uncaught ones, as those of any other callback.
    write->done_.Value().MakeCallback(env.Global(), {Napi::Number::New(env, write->error_)}, write->context_);
  }

  int file_;
  Bytes bytes_;
  std::uint64_t offset_;
  bool sync_;
  int error_ = 0;
  Napi::ObjectReference buffer_;
  Napi::FunctionReference done_;
  Napi::AsyncContext context_;
  napi_async_work work_ = nullptr;
};

/// writeToDisk(file: number, bytes: Uint8Array, length: number, position: number, sync: boolean,
///   done: (errno: number) => void): void
Napi::Value CallWriteToDisk(const Napi::CallbackInfo& info) {
  const auto file = static_cast<int>(RequireInteger(info[0], "file", 0, kMaxDescriptor));
  const Bytes bytes = RequireBytes(info[1], "bytes");
  const std::uint64_t length = RequireInteger(info[2], "length", 0, bytes.size());
  const std::uint64_t position = RequireInteger(info[3], "position", 0, kMaxSafeInteger);
  if (!info[4].IsBoolean()) throw ArgumentError("sync must be a boolean");
  if (!info[5].IsFunction()) throw ArgumentError("done must be a function");
  const bool sync = info[4].As<Napi::Boolean>();
  DiskWrite::Queue(info.Env(), std::make_unique<DiskWrite>(info, file, bytes.first(length), position, sync));
  return info.Env().Undefined();
}

}  // namespace

void AddDisk(Napi::Object& addon) {
  addon.Set("writeToDisk", Napi::Function::New<Guarded<CallWriteToDisk>>(addon.Env(), "writeToDisk"));
}

}  // namespace penstock
