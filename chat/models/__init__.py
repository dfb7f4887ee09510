from chat.models.conversation import Conversation
from chat.models.host import Host
from chat.models.provider import Provider
from chat.models.response import Door, Item, Response, Status, Step
from chat.models.route import Route, RouteStep, RouteTable
from chat.models.tool import Tool, ToolVersion
from chat.models.tool_call import CallState, ToolCall

__all__ = [
    "CallState",
    "Conversation",
    "Door",
    "Host",
    "Item",
    "Provider",
    "Response",
    "Route",
    "RouteStep",
    "RouteTable",
    "Status",
    "Step",
    "Tool",
    "ToolCall",
    "ToolVersion",
]
