/** The rooms: a picture of each, and the same in words. */

import type { PipeEnd, Report, Room, Shard } from "./report";
import { counted, nameOf, placeOf } from "./report";
import { RoomPicture } from "./room-picture";

const PICTURES = 24;

export function Rooms(props: { report: Report }) {
  const { report } = props;
  return (
    <section aria-labelledby="rooms">
      <h2 id="rooms">Rooms of this host ({report.rooms.length + report.moreRooms})</h2>
      {report.rooms.length === 0 && <p class="soft">Nobody is here.</p>}
      <ul class="cards">
        {report.rooms.map((room, at) => (
          <li key={room.name}>
            <h3>{room.name}</h3>
            <p>
              {counted(room.participants, "participant")} in {counted(room.shards.length + room.moreShards, "part")}
            </p>
            {at < PICTURES && room.shards.length > 1 && <RoomPicture report={report} room={room} />}
            <ul class="parts">
              {room.shards.map((shard) => (
                <li key={shard.shard}>
                  {placeOf(report, shard)}: {counted(shard.participants, "participant")}
                  <Pipes report={report} room={room} shard={shard} />
                </li>
              ))}
            </ul>
            {room.moreShards > 0 && <p class="soft">{room.moreShards} more parts are not shown.</p>}
          </li>
        ))}
      </ul>
      {report.moreRooms > 0 && <p class="soft">{report.moreRooms} smaller rooms are not shown.</p>}
    </section>
  );
}

function Pipes(props: { report: Report; room: Room; shard: Shard }) {
  const { own } = props.shard;
  if (own === undefined) return null;
  return (
    <>
      {own.failedSteps > 0 && <strong class="bad"> {counted(own.failedSteps, "failed step")}</strong>}
      <ul class="pipes soft">
        {own.pipes.map((pipe) => (
          <li key={`${pipe.other} ${pipe.data}`}>
            {pipe.data ? "data" : "media"} pipe to {otherPlace(props.report, props.room, pipe)}: {pipe.connected ? `${pipe.sent} out, ${pipe.copies} in` : "not connected yet"}
            {pipe.encrypted && ", encrypted"}
            {pipe.refused > 0 && <strong class="bad">, {counted(pipe.refused, "packet")} with wrong keys</strong>}
          </li>
        ))}
      </ul>
      {own.morePipes > 0 && <span class="soft">{own.morePipes} more pipes are not shown.</span>}
    </>
  );
}

function otherPlace(report: Report, room: Room, pipe: PipeEnd): string {
  const shard = room.shards.find((one) => one.shard === pipe.other);
  return shard === undefined ? nameOf(report, pipe.other) : placeOf(report, shard);
}
