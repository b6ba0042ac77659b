// State × event: see gateway_judge.h.
#include "daemon/node/gateway_judge.h"

namespace relais::node {

void GatewayJudge::on_reply(Reply reply) {
  const bool came = reply == Reply::came;
  switch (sight_) {
    case Sight::seen:
    case Sight::missing:
      if (came == (sight_ == Sight::seen)) return;
      sight_ = came ? Sight::returning : Sight::failing;
      in_a_row_ = 1;
      return;
    case Sight::failing:
      if (came) sight_ = Sight::seen;
      if (!came && ++in_a_row_ >= kTurns) sight_ = Sight::missing;
      return;
    case Sight::returning:
      if (!came) sight_ = Sight::missing;
      if (came && ++in_a_row_ >= kTurns) sight_ = Sight::seen;
      return;
  }
}

void GatewayJudge::distrust() { sight_ = Sight::missing; }

ha::Front GatewayJudge::front() const {
  switch (sight_) {
    case Sight::seen: return ha::Front::well;
    case Sight::failing:
    case Sight::returning: return ha::Front::doubtful;
    case Sight::missing: return ha::Front::no_gateway;
  }
  return ha::Front::well;
}

}  // namespace relais::node
