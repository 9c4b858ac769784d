// SPDX-License-Identifier: Apache-2.0
#include "agent/kube/client.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "agent/kube/connect.h"
#include "agent/kube/decode.h"
#include "ztunnel/lib/io/timeout.h"

namespace culvert::kube {
namespace {

struct Wire {
  const char* method;
  const char* content_type;
};

Wire wire(Verb verb) {
  switch (verb) {
    case Verb::get: return {"GET", ""};
    case Verb::create: return {"POST", "application/json"};
    case Verb::replace: return {"PUT", "application/json"};
    case Verb::merge_patch: return {"PATCH", "application/merge-patch+json"};
    case Verb::strategic_patch: return {"PATCH", "application/strategic-merge-patch+json"};
    case Verb::apply: return {"PATCH", "application/apply-patch+yaml"};  // JSON is YAML
    case Verb::remove: return {"DELETE", "application/json"};
  }
  CULVERT_ASSERT(false);
}

bool is_write(Verb verb) {
  return verb != Verb::get && verb != Verb::remove;
}

std::string name_of(const Request& request) {
  return std::string(wire(request.verb).method) + " " + request.path;
}

ClientOptions options_of(const Config& config) {
  ClientOptions options{.authority = config.authority, .base_path = config.base_path};
  options.channel.peer = "the API server at " + config.authority;
  return options;
}

int to_number(const std::string* text) {
  int number = -1;
  if (text != nullptr) {
    std::from_chars(text->data(), text->data() + text->size(), number);
  }
  return number;
}

// Reads the beginning of a refusal's body; one that breaks off is good enough for a sentence.
io::Task<std::string> read_refusal(http::H2Stream& body) {
  std::string text(kRefusalBytesMax, '\0');
  std::size_t have = 0;
  while (have < text.size()) {
    const auto count = co_await io::as_result(
        body.read_some({reinterpret_cast<std::uint8_t*>(text.data()) + have, text.size() - have}));
    if (!count && count.error().code == Errc::cancelled) {
      co_await fail(count.error());
    }
    if (!count || *count == 0) {
      break;
    }
    have += *count;
  }
  text.resize(have);
  co_return text;
}

}  // namespace

struct Client::Answer {
  int status = 0;
  std::optional<std::chrono::seconds> retry_after;
  std::unique_ptr<http::H2Stream> body;
};

Client::Client(io::Loop& loop, Rng& rng, const Config& config)
    : Client(loop, rng, make_dial(loop, config), config.token, options_of(config)) {}

Client::Client(io::Loop& loop, Rng& rng, http::H2Channel::Dial dial, Token token,
               ClientOptions options)
    : loop_(loop),
      channel_(loop, rng, std::move(dial), options.channel),
      token_(std::move(token)),
      options_(std::move(options)) {}

io::Task<nlohmann::json> Client::call(Request request) {
  const io::Duration deadline = request.deadline;
  std::string name = name_of(request);
  co_return co_await io::with_timeout(loop_, deadline, std::move(name), exchange(request));
}

io::Task<std::unique_ptr<http::H2Stream>> Client::stream(std::string path, Query query) {
  const Request request{.path = std::move(path), .query = std::move(query)};
  co_return co_await io::with_timeout(loop_, request.deadline, name_of(request), ask(request));
}

io::Task<> Client::connected() {
  (void)co_await channel_.connection();
}

io::Task<nlohmann::json> Client::exchange(const Request& request) {
  const auto body = co_await ask(request);
  nlohmann::json object;
  JsonCutter cutter(JsonCutter::Shape::stream, [&object](std::string_view text) -> Result<> {
    TRY(object, parse_object(text));
    return {};
  });
  auto read = co_await io::as_result(read_objects(loop_, *body, cutter));
  if (read && cutter.objects() > 1) {
    read = fail(Errc::protocol, "the answer is more than one object");
  }
  if (!read) {
    co_await fail(prefixed(name_of(request), std::move(read).error()));
  }
  co_return object;
}

// One request with the answer's beginning: what may be tried again is tried again here.
io::Task<std::unique_ptr<http::H2Stream>> Client::ask(const Request& request) {
  const io::TimePoint ends = loop_.now() + request.deadline;
  for (bool new_token = false, refused_unseen = false;;) {
    co_await connected();
    auto answer = co_await io::as_result(attempt(request));
    if (!answer) {
      // The server never looked at it (GOAWAY, REFUSED_STREAM): another connection may take it.
      if (answer.error().code == Errc::unavailable && !refused_unseen) {
        refused_unseen = true;
        continue;
      }
      co_await fail(prefixed(name_of(request), std::move(answer).error()));
    }
    if (answer->status / 100 == 2) {
      co_return std::move(answer->body);
    }
    const std::string words = co_await read_refusal(*answer->body);
    answer->body.reset();
    if (answer->status == 401 && !new_token && token_.refused()) {
      new_token = true;
      continue;
    }
    if (answer->retry_after && loop_.now() + *answer->retry_after < ends) {
      co_await loop_.sleep(*answer->retry_after);
      continue;
    }
    co_await fail(prefixed(name_of(request), refusal(answer->status, words)));
  }
}

io::Task<Client::Answer> Client::attempt(const Request& request) {
  const std::string token = co_await token_.get(loop_.now());
  http::H2Connection* const connection = co_await channel_.connection();
  if (connection->free_slots() == 0) {
    co_await fail(Errc::limit, "the API server takes no more requests at once");
  }
  const std::string body =
      request.body.is_null()
          ? ""
          : request.body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  // There is a free slot, so this does not suspend: the connection can't end meanwhile.
  auto stream = co_await connection->open(headers(request, token), body.empty());
  if (!body.empty()) {
    // A server may refuse before it has read all: then sending fails, and what counts is its
    // answer.
    if (co_await io::as_result(stream->write_all(as_bytes(body)))) {
      (void)co_await io::as_result(stream->shutdown_write());
    }
  }
  const auto response = co_await stream->response();
  Answer answer{.status = to_number(http::find_header(response, ":status")),
                .retry_after = {},
                .body = std::move(stream)};
  // Seconds; nobody sends an API client the form with a date.
  const int seconds = to_number(http::find_header(response, "retry-after"));
  if (seconds >= 0 && (answer.status == 429 || answer.status >= 500)) {
    answer.retry_after = std::chrono::seconds(std::max(seconds, 1));
  }
  co_return answer;
}

http::HeaderList Client::headers(const Request& request, std::string_view token) const {
  Query query = request.query;
  if (is_write(request.verb)) {
    query.emplace_back("fieldManager", "culvert");
  }
  const auto [method, content_type] = wire(request.verb);
  http::HeaderList list{{":method", method},
                        {":scheme", "https"},
                        {":path", options_.base_path + with_query(request.path, query)},
                        {":authority", options_.authority},
                        {"accept", "application/json"},
                        {"user-agent", "culvert"}};
  if (!token.empty()) {
    list.push_back({"authorization", "Bearer " + std::string(token)});
  }
  if (!request.body.is_null()) {
    list.push_back({"content-type", content_type});
  }
  return list;
}

io::Task<> read_objects(io::Loop& loop, http::H2Stream& body, JsonCutter& into) {
  std::vector<std::uint8_t> piece(kPieceBytes);
  for (;;) {
    const std::size_t count = co_await body.read_some(piece);
    if (count == 0) {
      break;
    }
    co_await into.feed(as_text({piece.data(), count}));
    co_await loop.yield();
  }
  if (!into.at_boundary()) {
    co_await fail(Errc::closed, "the answer was cut off within an object");
  }
}

}  // namespace culvert::kube
