#include "granted_jobs.h"

#include <algorithm>

namespace penstock {

void GrantedJobs::Grant(GrantedJob job) {
  std::erase_if(jobs_, [&job](const GrantedJob& other) { return other.name == job.name; });
  if (jobs_.size() == kMax) jobs_.erase(jobs_.begin());
  jobs_.push_back(std::move(job));
}

GrantedJob* GrantedJobs::Find(std::uint64_t name) {
  const auto hasName = [name](const GrantedJob& job) { return job.name == name; };
  const auto found = std::find_if(jobs_.rbegin(), jobs_.rend(), hasName);
  return found == jobs_.rend() ? nullptr : &*found;
}

}  // namespace penstock
