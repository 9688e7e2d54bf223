-- Whoever sent a message has read up to it. The projection does this from now on; here for what was sent before.
INSERT INTO reads (room_id, user_id, number)
    SELECT room_id, author, max(number) FROM messages WHERE true GROUP BY room_id, author
    ON CONFLICT (room_id, user_id) DO UPDATE SET number = excluded.number WHERE excluded.number > reads.number;
