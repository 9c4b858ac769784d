// SPDX-License-Identifier: Apache-2.0
#include "agent/kube/reflector.h"

#include <algorithm>

#include "agent/kube/decode.h"
#include "ztunnel/lib/io/timeout.h"

namespace culvert::kube {
namespace {

constexpr int kNotFound = 404;
constexpr int kGone = 410;  // the resourceVersion, or a page's token, is older than what is kept

}  // namespace

Reflector::Reflector(io::Loop& loop, Rng& rng, Client& client, ReflectorOptions options,
                     Consumer consumer)
    : loop_(loop),
      rng_(rng),
      client_(client),
      options_(std::move(options)),
      consumer_(std::move(consumer)),
      path_(collection_path(options_.resource, options_.in_namespace)) {}

io::Task<> Reflector::run() {
  for (;;) {
    // The connection has a backoff of its own, which all reflectors of a client share.
    auto ended = co_await io::as_result(client_.connected());
    const bool connected = ended.has_value();
    if (connected) {
      ended = co_await io::as_result(list_and_watch());
    }
    if (!ended && ended.error().code == Errc::cancelled) {
      co_await std::move(ended);
    }
    if (!connected) {
      show_failure(ended.error());
    } else if (const auto wait = after(ended); wait > io::Duration::zero()) {
      co_await loop_.sleep(wait);
    }
  }
}

io::Task<> Reflector::list_and_watch() {
  took_event_ = false;
  watching_since_.reset();
  if (version_.empty()) {
    co_await list();
  }
  co_await watch();
}

io::Task<> Reflector::list() {
  std::string next_page;
  bool is_first = true;
  do {
    Query query;
    if (!in_one_page_) {
      query.emplace_back("limit", std::to_string(kPageItems));
    }
    if (!next_page.empty()) {
      query.emplace_back("continue", next_page);
    }
    auto page = co_await io::as_result(io::with_timeout(
        loop_, kPageDeadline, "list " + path_, list_page(with_selectors(query), is_first)));
    if (!page) {
      // Pages are of one moment, and that is kept for some minutes only.
      in_one_page_ = in_one_page_ || http_status(page.error()) == kGone;
      version_.clear();
      co_await fail(std::move(page).error());
    }
    next_page = std::move(*page);
    is_first = false;
  } while (!next_page.empty());
  in_one_page_ = false;
  missing_before_ = false;
  consumer_.on_replace_end();
  show({.presence = Presence::present, .fresh = false, .error = status_.error});
}

// Gives the token of the next page.
io::Task<std::string> Reflector::list_page(Query query, bool is_first) {
  const auto body = co_await client_.stream(path_, std::move(query));
  if (is_first) {
    consumer_.on_replace_begin();
  }
  JsonCutter cutter(JsonCutter::Shape::list,
                    [this](std::string_view text) { return take_item(text); });
  co_await read_objects(loop_, *body, cutter);
  auto frame = co_await read_frame(cutter);
  version_ = std::move(frame.resource_version);
  co_return std::move(frame.next_page);
}

Result<> Reflector::take_item(std::string_view text) {
  TRY(auto item, parse_object(text));
  // The items of a typed list say neither.
  item["apiVersion"] = options_.resource.api_version;
  item["kind"] = options_.resource.kind;
  consumer_.on_replace_item(item);
  return {};
}

io::Task<> Reflector::watch() {
  const auto spread = static_cast<std::uint64_t>((kWatchMost - kWatchLeast).count());
  const auto asked =
      kWatchLeast + std::chrono::seconds(static_cast<std::int64_t>(rng_.below(spread)));
  const auto body = co_await client_.stream(
      path_, with_selectors({{"watch", "true"},
                             {"allowWatchBookmarks", "true"},
                             {"resourceVersion", version_},
                             {"timeoutSeconds", std::to_string(asked.count())}}));
  watching_since_ = loop_.now();
  show({.presence = Presence::present, .fresh = true, .error = {}});
  JsonCutter cutter(JsonCutter::Shape::stream,
                    [this](std::string_view text) { return take_event(text); });
  co_await io::with_timeout(loop_, asked + kWatchOverdue, "watch " + path_,
                            read_objects(loop_, *body, cutter));
}

Result<> Reflector::take_event(std::string_view text) {
  TRY(const auto event, parse_event(text));
  switch (event.type) {
    case WatchEvent::Type::changed: consumer_.on_changed(event.object); break;
    case WatchEvent::Type::deleted: consumer_.on_deleted(event.object); break;
    case WatchEvent::Type::bookmark: break;
  }
  version_ = event.resource_version;
  took_event_ = true;
  return {};
}

// Gives how long to wait before the next list_and_watch().
io::Duration Reflector::after(const Result<>& ended) {
  const bool settled = watching_since_ && loop_.now() - *watching_since_ >= kWatchSettled;
  if (settled) {
    delay_ = {};
    expired_before_ = false;
  }
  if (ended && (settled || took_event_)) {
    return settled ? io::Duration{} : next_delay();  // an end in order
  }
  const Error error = ended ? Error{.code = Errc::closed,
                                    .side = Side::upstream,
                                    .context = "the API server ended a watch as it began"}
                            : ended.error();
  const int status = http_status(error);
  if (status == kNotFound && !options_.built_in) {
    return after_not_found(error);
  }
  show_failure(error);
  if (status == kGone) {
    version_.clear();
    if (!std::exchange(expired_before_, true)) {
      return {};  // a list is the way on, and there is nothing to wait for
    }
  }
  return next_delay();
}

io::Duration Reflector::next_delay() {
  delay_ = std::clamp<io::Duration>(delay_ * 2, kReflectBackoffFirst, kReflectBackoffMax);
  return jittered(delay_);
}

io::Duration Reflector::after_not_found(const Error& error) {
  version_.clear();
  if (status_.presence == Presence::present && !std::exchange(missing_before_, true)) {
    // Policies go with their CRD, so it is believed only when it is said twice: an API server that
    // starts may not have read its CRDs yet.
    show_failure(error);
  } else if (status_.presence != Presence::absent) {
    obs::log(obs::Level::info, "kube",
             "the API server does not know the resource; it is looked for", {{"resource", path_}});
    consumer_.on_replace_begin();
    consumer_.on_replace_end();
    show({.presence = Presence::absent});
  }
  return jittered(kAbsentInterval);
}

// Between half of it and all of it, so that the nodes of a cluster don't come in step.
io::Duration Reflector::jittered(io::Duration duration) {
  const auto half = static_cast<std::uint64_t>(duration.count()) / 2;
  return io::Duration(half + rng_.below(half + 1));
}

void Reflector::show_failure(const Error& error) {
  log_.log(loop_.now(), "failed", "no watch; trying again",
           {{"resource", path_}, {"error", error}});
  show({.presence = status_.presence, .fresh = false, .error = to_string(error)});
}

void Reflector::show(ReflectorStatus status) {
  if (status != status_) {
    status_ = std::move(status);
    consumer_.on_status();
  }
}

Query Reflector::with_selectors(Query query) const {
  query.insert(query.end(), options_.selectors.begin(), options_.selectors.end());
  return query;
}

}  // namespace culvert::kube
