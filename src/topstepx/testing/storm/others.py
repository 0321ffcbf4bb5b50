"""Other software on the same account: orders of its own, and hands on ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from topstepx.wire.enums import OrderType, Side
from topstepx.wire.models import CancelRequest, CloseContractRequest, ModifyRequest, PlaceRequest

if TYPE_CHECKING:
    import random
    from decimal import Decimal

    from topstepx.testing.storm.world import World
    from topstepx.wire.models import OrderModel

_FAR_POINTS = 150


def one_more_order(world: World) -> int:
    """Somebody else's order that rests; its id, or 0 where nobody can place one."""
    request = PlaceRequest(
        account_id=world.account_id,
        contract_id=world.contract_id,
        type=OrderType.LIMIT,
        side=Side.BUY,
        size=1,
        limit_price=world.price() - _FAR_POINTS,
    )
    answer = world.gateway.venue.place(request, world.memory.now(), origin="other")
    _tell(world)
    return answer.order_id or 0


def another_program(world: World, chance: random.Random) -> None:
    """One act of somebody else."""
    venue, now, account_id = world.gateway.venue, world.memory.now(), world.some_account(chance)
    working = [one for one in world.truth.working(account_id) if one.status.value == 1]
    choice = chance.random()
    if choice < 0.45:  # noqa: PLR2004  a share of the acts
        venue.place(_order(world, account_id, chance), now, origin="other")
    elif choice < 0.65 and working:  # noqa: PLR2004  a share of the acts
        order = chance.choice(working)
        cancel = CancelRequest(account_id=account_id, order_id=order.id)
        venue.cancel(cancel, now, origin="other")
    elif choice < 0.85 and working:  # noqa: PLR2004  a share of the acts
        venue.modify(_edit(world, chance.choice(working), chance), now, origin="other")
    else:
        close = CloseContractRequest(account_id=account_id, contract_id=world.contract_id)
        venue.close_contract(close, now, origin="other")
    _tell(world)


def _tell(world: World) -> None:
    world.trace.counts["acts of others"] += 1
    world.moved()


def _order(world: World, account_id: int, chance: random.Random) -> PlaceRequest:
    side = chance.choice((Side.BUY, Side.SELL))
    is_market = chance.random() < 0.5  # noqa: PLR2004  either way
    away: Decimal = world.price() - side.sign * _FAR_POINTS
    return PlaceRequest(
        account_id=account_id,
        contract_id=world.contract_id,
        type=OrderType.MARKET if is_market else OrderType.LIMIT,
        side=side,
        size=chance.randint(1, 3),
        limit_price=None if is_market else away,
    )


def _edit(world: World, order: OrderModel, chance: random.Random) -> ModifyRequest:
    """Another price for an order, farther from the market."""
    step = world.tick * chance.randint(1, 8)
    side = Side(order.side)
    limit = order.limit_price - side.sign * step if order.limit_price is not None else None
    stop = order.stop_price + side.sign * step if order.stop_price is not None else None
    return ModifyRequest(
        account_id=order.account_id, order_id=order.id, limit_price=limit, stop_price=stop
    )
