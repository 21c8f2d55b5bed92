"""A part of a room: one router in one worker, and the pipes over which it is joined with the room's other parts."""
