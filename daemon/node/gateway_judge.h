// Whether a gateway is there, from its answers: a pure machine with some inertia, because one lost packet is no fault.
#pragma once

#include "ha/core/cluster.h"

#include <cstdint>

namespace relais::node {

enum class Reply : std::uint8_t { came, missed };

class GatewayJudge {
 public:
  // So many replies of one kind in a row turn the judgement.
  static constexpr std::uint8_t kTurns = 3;

  enum class Sight : std::uint8_t {
    seen,
    failing,  // was seen (or nothing is known yet), the last replies were missed
    missing,
    returning,  // was missing, the last replies came
  };

  void on_reply(Reply reply);
  // Nothing that was seen before counts: the cable was out.
  void distrust();

  Sight sight() const { return sight_; }
  ha::Front front() const;

 private:
  Sight sight_ = Sight::failing;
  std::uint8_t in_a_row_ = 0;
};

}  // namespace relais::node
