"""The schema's history: named steps, applied in order and recorded, never edited once released."""

from __future__ import annotations

from collections.abc import Mapping

MIGRATIONS: Mapping[str, str] = {
    "0001_first_light": """
        CREATE TABLE stories (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            title TEXT NOT NULL,
            premise TEXT NOT NULL,
            leaf_id INTEGER REFERENCES turns(id),
            draft TEXT NOT NULL DEFAULT '',
            created_at TEXT NOT NULL,
            trashed INTEGER NOT NULL DEFAULT 0 CHECK (trashed IN (0, 1))
        );
        CREATE TABLE turns (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            story_id INTEGER NOT NULL REFERENCES stories(id),
            parent_id INTEGER REFERENCES turns(id),
            author TEXT NOT NULL CHECK (author IN ('writer', 'model')),
            outline TEXT NOT NULL,
            prose TEXT NOT NULL,
            created_at TEXT NOT NULL
        );
        CREATE INDEX turns_by_story ON turns(story_id, id);
        CREATE TABLE generations (
            turn_id INTEGER PRIMARY KEY REFERENCES turns(id),
            model_id TEXT NOT NULL,
            revision TEXT NOT NULL,
            quantisation TEXT NOT NULL,
            adapter_id TEXT,
            engine_mode TEXT NOT NULL,
            sampling TEXT NOT NULL,
            prompt_ids BLOB NOT NULL,
            response_ids BLOB NOT NULL,
            forced BLOB NOT NULL,
            prose_start INTEGER NOT NULL,
            prose_end INTEGER NOT NULL,
            raw_logprobs BLOB NOT NULL,
            sampled_logprobs BLOB NOT NULL,
            stop_reason TEXT NOT NULL,
            seconds REAL NOT NULL
        );
        CREATE TABLE feedback (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            turn_id INTEGER NOT NULL REFERENCES turns(id),
            kind TEXT NOT NULL CHECK (kind IN ('stars', 'thumb', 'choice', 'edit')),
            value REAL,
            aspect TEXT NOT NULL CHECK (aspect IN ('outline', 'prose', 'both')),
            tags TEXT NOT NULL,
            note TEXT NOT NULL,
            others TEXT NOT NULL,
            text TEXT NOT NULL,
            created_at TEXT NOT NULL
        );
        CREATE INDEX feedback_by_turn ON feedback(turn_id, id);
        CREATE TABLE adapters (
            id TEXT PRIMARY KEY,
            model_id TEXT NOT NULL,
            revision TEXT NOT NULL,
            parent_id TEXT REFERENCES adapters(id),
            run_id TEXT NOT NULL,
            path TEXT NOT NULL,
            files TEXT NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('candidate', 'active', 'retired', 'rejected')),
            evaluation TEXT NOT NULL,
            created_at TEXT NOT NULL
        );
        CREATE UNIQUE INDEX one_active_adapter ON adapters(model_id) WHERE state = 'active';
        CREATE TABLE runs (
            id TEXT PRIMARY KEY,
            method TEXT NOT NULL,
            model_id TEXT NOT NULL,
            parent_adapter TEXT,
            watermark INTEGER NOT NULL,
            settings TEXT NOT NULL,
            seed INTEGER NOT NULL,
            state TEXT NOT NULL,
            pid INTEGER,
            started_at TEXT NOT NULL,
            ended_at TEXT,
            outcome TEXT NOT NULL DEFAULT '',
            error TEXT NOT NULL DEFAULT '',
            adapter_id TEXT REFERENCES adapters(id)
        );
        CREATE TRIGGER feedback_is_append_only_update BEFORE UPDATE ON feedback
        BEGIN SELECT RAISE(ABORT, 'feedback is append-only'); END;
        CREATE TRIGGER feedback_is_append_only_delete BEFORE DELETE ON feedback
        BEGIN SELECT RAISE(ABORT, 'feedback is append-only'); END;
        CREATE TRIGGER generations_are_immutable_update BEFORE UPDATE ON generations
        BEGIN SELECT RAISE(ABORT, 'generations are immutable'); END;
        CREATE TRIGGER generations_are_immutable_delete BEFORE DELETE ON generations
        BEGIN SELECT RAISE(ABORT, 'generations are immutable'); END;
        CREATE TRIGGER turns_are_immutable_update BEFORE UPDATE ON turns
        BEGIN SELECT RAISE(ABORT, 'turns are immutable'); END;
        CREATE TRIGGER turns_are_immutable_delete BEFORE DELETE ON turns
        BEGIN SELECT RAISE(ABORT, 'turns are immutable'); END;
    """,
    "0002_the_opening_draft": """
        CREATE TABLE opening (
            one INTEGER PRIMARY KEY CHECK (one = 1),
            draft TEXT NOT NULL
        );
    """,
    "0003_trials": """
        ALTER TABLE turns ADD COLUMN trial INTEGER NOT NULL DEFAULT 0 CHECK (trial IN (0, 1));
        ALTER TABLE stories ADD COLUMN kind TEXT NOT NULL DEFAULT 'story'
            CHECK (kind IN ('story', 'taste'));
    """,
    "0004_discards": """
        CREATE TABLE feedback_with_discards (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            turn_id INTEGER NOT NULL REFERENCES turns(id),
            kind TEXT NOT NULL
                CHECK (kind IN ('stars', 'thumb', 'choice', 'edit', 'discard')),
            value REAL,
            aspect TEXT NOT NULL CHECK (aspect IN ('outline', 'prose', 'both')),
            tags TEXT NOT NULL,
            note TEXT NOT NULL,
            others TEXT NOT NULL,
            text TEXT NOT NULL,
            created_at TEXT NOT NULL
        );
        INSERT INTO feedback_with_discards SELECT * FROM feedback;
        DROP TABLE feedback;
        ALTER TABLE feedback_with_discards RENAME TO feedback;
        CREATE INDEX feedback_by_turn ON feedback(turn_id, id);
        CREATE TRIGGER feedback_is_append_only_update BEFORE UPDATE ON feedback
        BEGIN SELECT RAISE(ABORT, 'feedback is append-only'); END;
        CREATE TRIGGER feedback_is_append_only_delete BEFORE DELETE ON feedback
        BEGIN SELECT RAISE(ABORT, 'feedback is append-only'); END;
    """,
    "0005_adapter_names": """
        ALTER TABLE adapters ADD COLUMN name TEXT NOT NULL DEFAULT '';
        ALTER TABLE adapters ADD COLUMN note TEXT NOT NULL DEFAULT '';
        ALTER TABLE adapters ADD COLUMN deleted_at TEXT;
        CREATE UNIQUE INDEX adapter_names ON adapters(model_id, name COLLATE NOCASE)
        WHERE name != '' AND deleted_at IS NULL;
    """,
    "0006_adapter_roots": """
        ALTER TABLE adapters ADD COLUMN root_id TEXT REFERENCES adapters(id);
    """,
    "0007_branches": """
        CREATE TABLE revisions (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            turn_id INTEGER NOT NULL REFERENCES turns(id),
            prose TEXT NOT NULL,
            created_at TEXT NOT NULL
        );
        CREATE INDEX revisions_by_turn ON revisions(turn_id, id);
        CREATE TRIGGER revisions_are_immutable_update BEFORE UPDATE ON revisions
        BEGIN SELECT RAISE(ABORT, 'revisions are immutable'); END;
        CREATE TRIGGER revisions_are_immutable_delete BEFORE DELETE ON revisions
        BEGIN SELECT RAISE(ABORT, 'revisions are immutable'); END;
        CREATE TABLE shown (
            turn_id INTEGER PRIMARY KEY REFERENCES turns(id),
            revision_id INTEGER NOT NULL REFERENCES revisions(id)
        );
        CREATE TABLE pruned (turn_id INTEGER PRIMARY KEY REFERENCES turns(id));
        CREATE TABLE bookmarks (
            turn_id INTEGER PRIMARY KEY REFERENCES turns(id),
            name TEXT NOT NULL
        );
        CREATE TABLE steps (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            story_id INTEGER NOT NULL REFERENCES stories(id),
            kind TEXT NOT NULL,
            changes TEXT NOT NULL,
            undone INTEGER NOT NULL DEFAULT 0 CHECK (undone IN (0, 1)),
            created_at TEXT NOT NULL
        );
        CREATE INDEX steps_by_story ON steps(story_id, id);
    """,
    "0008_word_counts": """
        CREATE TABLE counted (
            turn_id INTEGER NOT NULL REFERENCES turns(id),
            revision_id INTEGER NOT NULL,
            words INTEGER NOT NULL,
            PRIMARY KEY (turn_id, revision_id)
        ) WITHOUT ROWID;
        INSERT INTO counted SELECT id, 0, words(prose) FROM turns;
        INSERT INTO counted SELECT turn_id, id, words(prose) FROM revisions;
    """,
    "0009_edit_drafts": """
        CREATE TABLE edit_drafts (
            story_id INTEGER PRIMARY KEY REFERENCES stories(id),
            turn_id INTEGER NOT NULL REFERENCES turns(id),
            part TEXT NOT NULL CHECK (part IN ('prose', 'outline')),
            text TEXT NOT NULL
        );
    """,
    "0010_a_draft_for_each_passage": """
        CREATE TABLE drafts (
            turn_id INTEGER NOT NULL REFERENCES turns(id),
            part TEXT NOT NULL CHECK (part IN ('prose', 'outline')),
            text TEXT NOT NULL,
            PRIMARY KEY (turn_id, part)
        ) WITHOUT ROWID;
        INSERT INTO drafts SELECT turn_id, part, text FROM edit_drafts;
        DROP TABLE edit_drafts;
    """,
    "0011_presets": "ALTER TABLE stories ADD COLUMN preset TEXT NOT NULL DEFAULT ''",
    "0012_notes": """
        CREATE TABLE notes (
            story_id INTEGER NOT NULL REFERENCES stories(id),
            turn_id INTEGER NOT NULL,
            key TEXT NOT NULL,
            value TEXT NOT NULL,
            PRIMARY KEY (story_id, turn_id, key)
        ) WITHOUT ROWID;
        ALTER TABLE generations ADD COLUMN shown TEXT NOT NULL DEFAULT '[]';
        ALTER TABLE generations ADD COLUMN left_out TEXT NOT NULL DEFAULT '[]';
    """,
    "0013_brought": """
        CREATE TABLE batches (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            name TEXT NOT NULL,
            created_at TEXT NOT NULL
        );
        CREATE TABLE brought (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            batch_id INTEGER NOT NULL REFERENCES batches(id),
            prompt TEXT NOT NULL,
            outline TEXT NOT NULL,
            prose TEXT NOT NULL,
            other_outline TEXT NOT NULL,
            other_prose TEXT,
            stars INTEGER NOT NULL CHECK (stars BETWEEN 0 AND 5),
            weight REAL NOT NULL CHECK (weight > 0 AND weight <= 1)
        );
        CREATE INDEX brought_by_batch ON brought(batch_id);
        CREATE TABLE withdrawn (
            batch_id INTEGER PRIMARY KEY REFERENCES batches(id),
            created_at TEXT NOT NULL
        );
        CREATE TRIGGER brought_stays BEFORE UPDATE ON brought
            BEGIN SELECT RAISE(ABORT, 'what was brought is append-only'); END;
        CREATE TRIGGER brought_is_kept BEFORE DELETE ON brought
            BEGIN SELECT RAISE(ABORT, 'what was brought is append-only'); END;
    """,
}
