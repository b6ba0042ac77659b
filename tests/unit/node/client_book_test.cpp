// What nodes tell each other about their connections, from the list of one to the book of another.
#include "daemon/node/client_book.h"

#include "base/prng.h"
#include "daemon/node/client_list.h"
#include "ha/wire/codec.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace relais::node {
namespace {

using Clients = std::vector<ha::Client>;

const NodeId kOther(2);
const SipKey kKey{1, 2};
const ha::BucketSet kAll = ~ha::BucketSet();

ha::Client client(std::uint32_t number) {
  const auto byte = [&](int shift) { return static_cast<std::uint8_t>(number >> shift); };
  return {.vip = VipId(0),
          .vip_port = 993,
          .port = static_cast<std::uint16_t>(1024 + number % 60000),
          .address = IpAddress::v4({10, byte(16), byte(8), byte(0)})};
}

Clients clients(std::uint32_t from, std::uint32_t to) {
  Clients all;
  for (std::uint32_t number = from; number < to; ++number) all.push_back(client(number));
  std::ranges::sort(all);
  return all;
}

Clients known(const ClientBook& book, NodeId node = kOther) {
  Clients found = book.clients_of(node, VipId(0), kAll, kKey);
  std::ranges::sort(found);
  return found;
}

void take_all(ClientBook& book, const std::vector<ha::Clients>& lists) {
  for (const ha::Clients& list : lists) book.take(kOther, list);
}

// Calls of tell() until nothing is left to tell.
std::size_t tell_all(ClientList& list, ClientBook& book, const Clients& now) {
  for (std::size_t calls = 0;; ++calls) {
    const std::vector<ha::Clients> lists = list.tell(now);
    if (lists.empty()) return calls;
    take_all(book, lists);
  }
}

TEST(ClientBook, follows_the_connections_of_another_node) {
  Prng prng(3);
  ClientList list;
  ClientBook book;
  Clients now;
  for (int round = 0; round < 200; ++round) {
    std::erase_if(now, [&](const ha::Client&) { return prng.chance(100); });
    for (std::uint64_t i = prng.below(50); i > 0; --i)
      now.push_back(client(static_cast<std::uint32_t>(prng.below(5000))));
    tell_all(list, book, now);
    std::ranges::sort(now);
    now.erase(std::unique(now.begin(), now.end()), now.end());
    ASSERT_EQ(known(book), now) << "round " << round;
  }
  EXPECT_EQ(book.gaps(), 0U);
}

TEST(ClientList, says_nothing_while_nothing_changes_but_a_beginning_even_if_it_is_empty) {
  ClientList list;
  const auto first = list.tell({});
  ASSERT_EQ(first.size(), 1U);
  EXPECT_TRUE(first[0].begins && first[0].complete);
  EXPECT_TRUE(list.tell({}).empty());
  EXPECT_EQ(list.tell(clients(0, 1)).size(), 1U);
  EXPECT_TRUE(list.tell(clients(0, 1)).empty());
}

TEST(ClientList, twenty_thousand_connections_are_told_within_a_few_seconds_in_bounded_messages) {
  ClientList list;
  ClientBook book;
  const Clients now = clients(0, 20'000);
  std::size_t calls = 0;
  while (known(book).size() < now.size()) {
    const auto lists = list.tell(now);
    ++calls;
    ASSERT_LE(lists.size(), ClientList::kMessagesPerCall);
    for (const ha::Clients& message : lists) {
      EXPECT_LE(wire::encode_message({.view = {}, .body = message}).size(), ClientList::kMessageBytes);
    }
    take_all(book, lists);
    ASSERT_LE(calls, 4U);
  }
  EXPECT_EQ(calls, 4U);
  EXPECT_TRUE(list.tell(now).empty());
}

TEST(ClientList, lists_of_ipv6_clients_have_the_same_bound) {
  Clients now;
  for (std::uint32_t number = 0; number < 5000; ++number) {
    ha::Client added = client(number);
    added.address =
        IpAddress::v6({0x20, 1, 0xd, 0xb8, static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)});
    now.push_back(added);
  }
  ClientList list;
  for (const ha::Clients& message : list.tell(now)) {
    EXPECT_LE(wire::encode_message({.view = {}, .body = message}).size(), ClientList::kMessageBytes);
  }
}

TEST(ClientList, what_has_no_room_is_counted_and_gets_its_place_when_others_go) {
  ClientList list;
  ClientBook book;
  const auto most = static_cast<std::uint32_t>(kMaxListed);
  tell_all(list, book, clients(0, most + 10));
  EXPECT_EQ(list.unlisted(), 10U);
  EXPECT_EQ(book.size(), kMaxListed);
  tell_all(list, book, clients(100, most + 10));
  EXPECT_EQ(list.unlisted(), 0U);
  EXPECT_EQ(known(book), clients(100, most + 10));
  EXPECT_EQ(book.dropped(), 0U);
}

TEST(ClientBook, a_list_from_the_start_replaces_the_earlier_one_only_when_it_is_complete) {
  ClientList list;
  ClientBook book;
  tell_all(list, book, clients(0, 10'000));
  list.begin_anew();
  take_all(book, list.tell(clients(5'000, 20'000)));
  EXPECT_GT(known(book).size(), 10'000U) << "what was told before still counts";
  tell_all(list, book, clients(5'000, 20'000));
  EXPECT_EQ(known(book), clients(5'000, 20'000));
}

TEST(ClientBook, a_list_that_was_not_delivered_is_noticed) {
  ClientList list;
  ClientBook book;
  take_all(book, list.tell(clients(0, 5)));
  list.tell(clients(0, 6));
  take_all(book, list.tell(clients(0, 7)));
  EXPECT_EQ(book.gaps(), 1U);
  EXPECT_EQ(known(book).size(), 6U) << "approximately";
  list.begin_anew();
  take_all(book, list.tell(clients(0, 7)));
  EXPECT_EQ(book.gaps(), 1U);
  EXPECT_EQ(known(book), clients(0, 7));
}

TEST(ClientBook, is_bounded_whatever_others_send) {
  ClientBook book;
  for (std::uint32_t i = 0; i < 60; ++i) {
    book.take(kOther, {.sequence = i, .begins = i % 7 == 0, .added = clients(i * 2000, (i + 1) * 2000), .removed = {}});
    ASSERT_LE(book.size(), ClientBook::kMaxPerNode);
  }
  for (std::uint32_t i = 0; i < 60; ++i) {
    book.take(kOther, {.sequence = i, .added = clients(i * 2000, (i + 1) * 2000), .removed = {}});
  }
  EXPECT_EQ(book.size(), ClientBook::kMaxPerNode);
  EXPECT_GT(book.dropped(), 0U);
  EXPECT_EQ(book.gaps(), 1U) << "its numbers have begun again";
}

TEST(ClientBook, names_only_the_clients_of_the_node_the_vip_and_the_buckets) {
  ClientBook book;
  ha::Client elsewhere = client(1);
  elsewhere.vip = VipId(1);
  Clients told = clients(0, 500);
  told.push_back(elsewhere);
  book.take(kOther, {.sequence = 1, .begins = true, .complete = true, .added = told, .removed = {}});
  EXPECT_EQ(book.clients_of(kOther, VipId(1), kAll, kKey), Clients{elsewhere});
  EXPECT_TRUE(book.clients_of(NodeId(3), VipId(0), kAll, kKey).empty());
  ha::BucketSet one;
  one.set(bucket_of(kKey, client(7).address).value());
  const Clients found = book.clients_of(kOther, VipId(0), one, kKey);
  EXPECT_TRUE(std::ranges::count(found, client(7)) == 1);
  for (const ha::Client& each : found) EXPECT_TRUE(one[bucket_of(kKey, each.address).value()]);
  EXPECT_LT(found.size(), 20U);
}

TEST(ClientBook, forgets_a_node_that_has_been_absent_for_long_and_no_other) {
  ClientBook book;
  const NodeId third(3);
  for (const NodeId node : {kOther, third}) {
    book.take(node, {.sequence = 1, .begins = true, .complete = true, .added = clients(0, 3), .removed = {}});
  }
  NodeSet present;
  present.insert(third);
  Instant now{std::chrono::seconds(100)};
  book.forget_absent(present, now, std::chrono::seconds(70));
  EXPECT_EQ(known(book), clients(0, 3));
  now += std::chrono::seconds(69);
  book.forget_absent(present, now, std::chrono::seconds(70));
  EXPECT_EQ(known(book), clients(0, 3));
  now += std::chrono::seconds(2);
  book.forget_absent(present, now, std::chrono::seconds(70));
  EXPECT_TRUE(known(book).empty());
  EXPECT_EQ(known(book, third), clients(0, 3));
  book.forget(third);
  EXPECT_EQ(book, ClientBook());
}

}  // namespace
}  // namespace relais::node
